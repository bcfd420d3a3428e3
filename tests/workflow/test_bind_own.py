"""Mistakes in own files are found before any job, in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from clipit.config.expand import expand
from clipit.config.load import load_config
from clipit.runtime.errors import UserError
from clipit.workflow.bind import Binding

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def bind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Binding]:
    """A binding of own images and reports, which are in order."""
    monkeypatch.chdir(tmp_path)
    for folder in ("images", "captioned", "reports", "backbone", "text"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text("a\n")
    (tmp_path / "images" / "images.csv").write_text("path,label,split\na.png,x,train\n")
    (tmp_path / "captioned" / "captions.csv").write_text("image,caption\na.png,x\n")

    def made() -> Binding:
        raw = yaml.safe_load((PROJECT / "config" / "own_data.yaml").read_text())
        raw["datasets"]["my_images"]["path"] = "images/images.csv"
        raw["datasets"]["my_captioned"] |= {"path": "captioned", "captions": "captioned/captions.csv"}
        raw["corpora"]["my_reports"]["path"] = "reports"
        raw["backbones"]["my_backbone"]["name"] = "local-dir:backbone"
        raw["retrievers"]["my_retriever"]["text_tower"] = "text"
        config = load_config(raw, PROJECT / "config" / "catalog.yaml")
        return Binding(config, expand(config), PROJECT)

    return made


def test_own_files_in_order_pass_and_are_looked_at_once(bind, monkeypatch) -> None:
    binding = bind()
    binding.check_own_files()
    monkeypatch.setattr("clipit.workflow.bind_data.fingerprint_listed", None)
    monkeypatch.setattr("clipit.workflow.bind_data.csv_columns_digest", None)
    assert binding.images_fingerprint("my_images") and binding.column_fingerprint("my_images", "label")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("images/images.csv", b"path,split\na.png,train\n", "images.csv has no column 'label'"),
        ("images/images.csv", b"path,label,split\n\xff\xfe,x,train\n", "images.csv is not UTF-8 text"),
        ("captioned/captions.csv", b"image,text\na.png,x\n", "captions.csv has no column 'caption'"),
        ("reports/a.txt", None, "reports holds no file"),
        ("backbone/a.txt", None, "backbone holds no file"),
        ("text/a.txt", None, "text holds no file"),
    ],
)
def test_a_mistake_is_the_users(bind, tmp_path: Path, file: str, content: bytes | None, words: str) -> None:
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=words):
        bind().check_own_files()
