"""What is installed is pinned to the version, and from where is nobody's business but the installer's."""

import ast
import runpy
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ENVS = Path(__file__).parents[2] / "envs"
LOCKS = [ENVS / "cpu.txt", ENVS / "gpu.txt"]
OWN = {"clipit", "snakemake_logger_plugin_clipit"} | {"faiss", "conch"}
TESTS_ALONE = ENVS / "storage.txt"
"""Of a server that some tests read from, in an environment of its own."""


def pins(lock: Path) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in lock.read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def test_there_is_a_lock_for_each_environment() -> None:
    assert sorted(ENVS.glob("*.txt")) == [*LOCKS, TESTS_ALONE]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_conda_gets_the_same_pins(lock: Path) -> None:
    environment = runpy.run_path(str(ENVS / "conda.py"))["environment"]
    assert lock.with_suffix(".yaml").read_text() == environment(lock), "run `make locks`"


@pytest.mark.parametrize("lock", [*LOCKS, TESTS_ALONE], ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_to_one_version(lock: Path) -> None:
    assert len(pins(lock)) > 50
    for pin in pins(lock):
        assert pin.url is None
        (specifier,) = pin.specifier
        assert specifier.operator == "==" and "*" not in specifier.version, pin


@pytest.mark.parametrize("file", sorted(ENVS.glob("*.txt")) + sorted(ENVS.glob("*.in")), ids=lambda file: file.name)
def test_no_address_stands_in_a_lock(file: Path) -> None:
    text = file.read_text()
    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith(("-i", "-f", "--"))]


def dependencies() -> set[str]:
    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text())["project"]
    return {canonicalize_name(name) for name in project["dependencies"]}


def test_what_the_package_depends_on_is_locked() -> None:
    for lock in LOCKS:
        assert dependencies() <= {canonicalize_name(pin.name) for pin in pins(lock)}


def test_what_the_package_imports_it_depends_on() -> None:
    """But for faiss, of which the locks choose one of two packages, and what a user installs for CONCH."""
    known = packages_distributions()
    for file in (ENVS.parent / "src").rglob("*.py"):
        for module in imported(ast.parse(file.read_text())) - sys.stdlib_module_names - OWN:
            packages = {canonicalize_name(name) for name in known.get(module, [])}
            assert packages & dependencies(), f"{file.name} imports {module} of {packages}"


def imported(tree: ast.Module) -> set[str]:
    """The top-level modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found
