import pytest

from clipit.encoders.slices import image_slices


@pytest.mark.parametrize(
    ("n", "size", "device", "sizes"),
    [
        (64, 224, "cpu", [16, 16, 16, 16]),
        (20, 224, "cpu", [16, 4]),
        (64, 64, "cpu", [64]),
        (3, 2000, "cpu", [1, 1, 1]),
        (64, 224, "cuda", [64]),
        (0, 224, "cpu", []),
    ],
)
def test_a_batch_is_cut_where_a_cpu_would_be_slow(n, size, device, sizes):
    parts = list(image_slices(n, size, device))
    assert [part.stop - part.start for part in parts] == sizes
    assert [row for part in parts for row in range(n)[part]] == list(range(n))
