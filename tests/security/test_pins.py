"""What is installed is pinned to the version, and from where is nobody's business but the installer's."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

ENVS = Path(__file__).parents[2] / "envs"
LOCKS = [ENVS / "cpu.txt", ENVS / "gpu.txt"]
TESTS_ALONE = ENVS / "storage.txt"
"""Of a server that some tests read from, in an environment of its own."""


def pins(lock: Path) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in lock.read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def test_there_is_a_lock_for_each_environment() -> None:
    assert sorted(ENVS.glob("*.txt")) == [*LOCKS, TESTS_ALONE]
    assert all(f"-r {lock.name}" in lock.with_suffix(".yaml").read_text() for lock in LOCKS)


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


def test_what_is_imported_is_locked() -> None:
    import tomllib

    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text())["project"]
    for lock in LOCKS:
        locked = {pin.name.lower().replace("_", "-") for pin in pins(lock)}
        assert {name.lower().replace("_", "-") for name in project["dependencies"]} <= locked
