import pytest

import tile

TINY = tile.Scale(images=12, different=8, few=12, rounds=1)


@pytest.fixture(autouse=True)
def small_images(monkeypatch):
    monkeypatch.setattr(tile, "SIZE", 32)


def test_all_is_measured_and_judged(tmp_path):
    rows = tile.measure_all(tmp_path, TINY, kinds=["jpg"])
    assert [row.metric.partition(":")[0] for row in rows[:2]] == ["JPEG", "JPEG"]
    assert all(row.value > 0 and row.baseline and row.met is not None for row in rows)
    assert rows[2].metric.endswith("48 images beside 12")


@pytest.mark.parametrize("kind", tile.KINDS)
def test_every_image_is_a_file_of_its_kind(tmp_path, kind):
    tile.write_images(tmp_path, kind, 5, 3)
    paths = sorted((tmp_path / "train" / "x").iterdir())
    pixels = [tile.decoded(path) for path in paths]
    assert [array.shape for array in pixels] == [(32, 32, 3)] * 5
    assert (pixels[0] == pixels[3]).all() and (pixels[0] != pixels[1]).any()
