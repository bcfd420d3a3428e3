"""The page of all keys is the models' own."""

from pathlib import Path

from clipit.config.document import document

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == document(), "run: python -m clipit.config.document > docs/configuration.md"


def test_the_page_names_keys_by_their_alias_with_their_meaning() -> None:
    assert "| `lambda` | float \\| list of float | `1.0` | Weight of the distillation loss. |" in document()
