from PIL import Image

from clipit.sources.phantom.montage import montage


def test_montage_shows_a_row_a_class(tmp_path):
    montage(tmp_path / "montage.png", columns=2)
    with Image.open(tmp_path / "montage.png") as image:
        assert image.width == 2 * 66 + 2
        assert image.height == 6 * (66 + 12) + 2
