"""The digest changes with what a job computes, and with nothing else."""

from pathlib import Path

import pytest

import clipit
from clipit.runtime.errors import UserError
from clipit.workflow.code_digest import code_digest, tree_modules

SCRIPT = "from clipit.pairing import top1\n\ntop1.pair(1)\n"
TREE = {
    "__init__.py": "",
    "runtime.py": "LIMIT = 1\n",
    "unrelated.py": "VALUE = 1\n",
    "lazy.py": "VALUE = 1\n",
    "pairing/__init__.py": "",
    "pairing/top1.py": '''"""Pairs."""
from . import scores
from ..runtime import LIMIT


def pair(x):
    """Doc."""
    # a comment
    from clipit.lazy import VALUE

    return "a" + str(scores.score(x) + VALUE + LIMIT)
''',
    "pairing/scores.py": "def score(x):\n    return x + 1\n",
    "pairing/words/list.txt": "gland\n",
    "embedding/__init__.py": "",
    "embedding/images.py": "def embed(x):\n    return x\n",
}


@pytest.fixture
def digest_of(tmp_path):
    """Writes the tree with some files replaced to a new folder and gives the digest of a script over it."""
    count = iter(range(100))

    def digest(edits: dict[str, str] | None = None, script: str = SCRIPT) -> str:
        root = tmp_path / str(next(count))
        for name, text in {**TREE, **(edits or {})}.items():
            file = root / "clipit" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (root / "job.py").write_text(script)
        return tree_modules(root / "job.py", root / "clipit")

    return digest


def test_equal_code_in_another_folder_has_an_equal_digest(digest_of):
    assert digest_of() == digest_of()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pairing/top1.py", '"a"', '"b"'),
        ("pairing/scores.py", "x + 1", "x + 2"),
        ("lazy.py", "1", "2"),
        ("runtime.py", "1", "2"),
        ("__init__.py", "", "import os\n"),
        ("pairing/__init__.py", "", "import os\n"),
        ("pairing/words/list.txt", "gland", "duct"),
    ],
    ids=["module", "sibling", "lazy import", "relative import", "root package", "package", "shipped data"],
)
def test_an_edit_of_anything_imported_changes_it(digest_of, file, old, new):
    edited = TREE[file].replace(old, new) if old else new
    assert edited != TREE[file]
    assert digest_of({file: edited}) != digest_of()


def test_an_edit_of_the_script_changes_it(digest_of):
    assert digest_of(script=SCRIPT.replace("1)", "2)")) != digest_of()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another comment"),
        ('"""Doc."""', '"""Other\n    words."""'),
        ('"""Doc."""\n', "\n"),
        ('"a"', "'a'"),
        ("\n\n\n", "\n\n\n\n\n"),
        ("scores.score(x) + VALUE", "(scores.score(x)\n        + VALUE)"),
    ],
    ids=["comment", "docstring", "no docstring", "quotes", "blank lines", "line breaks"],
)
def test_an_edit_of_the_text_alone_does_not(digest_of, old, new):
    edited = TREE["pairing/top1.py"].replace(old, new)
    assert edited != TREE["pairing/top1.py"]
    assert digest_of({"pairing/top1.py": edited}) == digest_of()


def test_a_body_that_is_only_a_docstring_counts_as_empty(digest_of):
    documented = {"lazy.py": 'class E(Exception):\n    """Doc."""\n'}
    assert digest_of(documented) == digest_of({"lazy.py": "class E(Exception):\n    pass\n"})


@pytest.mark.parametrize("other", ['f"{VALUE!s:>{LIMIT}}b"', 'f"{VALUE!r:>{LIMIT}}a"', 'f"{VALUE!r:<{LIMIT}}a"', "'a'"])
def test_an_edit_within_an_f_string_changes_it(digest_of, other):
    before = TREE["pairing/top1.py"].replace('"a"', 'f"{VALUE!r:>{LIMIT}}b"')
    after = TREE["pairing/top1.py"].replace('"a"', other)
    assert digest_of({"pairing/top1.py": before}) != digest_of({"pairing/top1.py": after})


@pytest.mark.parametrize("file", ["unrelated.py", "embedding/images.py"])
def test_an_edit_of_what_is_not_imported_does_not(digest_of, file):
    assert digest_of({file: "raise SystemExit\n"}) == digest_of()


def test_stages_are_independent(digest_of):
    embed = "from clipit.embedding.images import embed\n"
    assert digest_of({"pairing/scores.py": "SCORE = 0\n"}, embed) == digest_of(script=embed)


def test_imports_may_go_round_in_a_circle(digest_of):
    assert digest_of({"lazy.py": "import clipit.pairing.top1\nVALUE = 1\n"}) != digest_of()


def test_a_name_that_a_package_binds_is_no_module(digest_of):
    init = "def top1(x):\n    return x\n"
    assert digest_of({"pairing/__init__.py": init}, "from clipit.pairing import top1\n") != digest_of()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import os\nimport clipit.nowhere\n", r"top1\.py:2: there is no module clipit\.nowhere"),
        ("from clipit.pairing import nothing\n", r"top1\.py:1: there is no module clipit\.pairing\.nothing"),
        ("from .nowhere import x\n", r"top1\.py:1: there is no module clipit\.pairing\.nowhere"),
        ("from ... import x\n", r"top1\.py:1: relative import beyond clipit"),
        ("x = 1\n\ndef f(:\n", r"top1\.py:3: invalid syntax"),
    ],
)
def test_mistakes_name_file_and_line(digest_of, text, message):
    with pytest.raises(UserError, match=message) as caught:
        digest_of({"pairing/top1.py": text})
    assert "\n" not in str(caught.value)


def test_a_missing_script_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.py does not exist"):
        code_digest("nothing", tmp_path)


def test_the_real_tree(tmp_path):
    scripts = tmp_path / "workflow" / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "one.py").write_text("from clipit.workflow.fingerprint import csv_columns_digest\n")
    (scripts / "two.py").write_text("from clipit.artifacts import atomic\n")
    (scripts / "two_commented.py").write_text("# why\nfrom clipit.artifacts import atomic\n")
    assert len(code_digest("one", tmp_path)) == 64
    assert code_digest("one", tmp_path) != code_digest("two", tmp_path)
    assert code_digest("two", tmp_path) == code_digest("two_commented", tmp_path)


def test_every_script_of_the_project_has_a_digest():
    root = Path(clipit.__file__).parents[2]
    for script in (root / "workflow" / "scripts").glob("*.py"):
        assert len(code_digest(script.stem, root)) == 64
