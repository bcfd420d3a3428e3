"""Which files are slides, and which belong to one."""

from pathlib import Path

from clipit.sources.slide_files import companions, list_slides


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_the_folder_of_an_mrxs_belongs_to_it(tmp_path: Path) -> None:
    files = [tmp_path / "a" / "Data0000.dat", tmp_path / "a" / "Slidedat.ini"]
    touch(tmp_path / "a.mrxs", tmp_path / "b.mrxs", tmp_path / "c" / "Data0000.dat", *files)
    assert companions(tmp_path / "a.mrxs") == files
    assert companions(tmp_path / "b.mrxs") == []


def test_what_a_vms_names_belongs_to_it(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a(1,0).jpg", "a.jpg", "a.opt")]
    touch(*files, tmp_path / "other.jpg")
    slide = tmp_path / "a.vms"
    slide.write_text(
        "[Virtual Microscope Specimen]\nNoLayers=1\nImageFile=a.jpg\nImageFile(1,0)=a(1,0).jpg\nMapFile=missing.jpg\n"
        "OptimisationFile=a.opt\nComment=\n"
    )
    assert companions(slide) == files
    assert companions(slide.rename(tmp_path / "a.svs")) == []


def test_linked_folders_are_searched(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "a.svs", tmp_path / "set" / "train" / "normal" / "b.svs")
    (tmp_path / "set" / "train" / "tumour").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "again").symlink_to(tmp_path / "set")
    found = [(slide.path, slide.label) for slide in list_slides(tmp_path / "set", {"train": "train"})]
    assert found[:1] == [("train/normal/b.svs", "normal")]
    assert ("train/tumour/a.svs", "tumour") in found
