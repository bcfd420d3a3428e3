"""Pythons, locks and what is installed, all invented but for one."""

import subprocess
import sys
from pathlib import Path

import pytest

from clipit.doctor.packages import faiss, faiss_installed, pinned, python, supported_python, version_of

PROJECT = Path(__file__).parents[2]
LOCK = """# made by hand
faiss-cpu==1.2
    # via -r envs/cpu.in
numpy==1.0 ; python_full_version < '3'
numpy==2.0 ; python_full_version >= '3'
torch==2.13.0  # the largest
pywin32==1 ; sys_platform == 'win32'
"""
INSTALLED = {"faiss-cpu": "1.2", "numpy": "2.0", "torch": "2.13.0+cpu", "unpinned": "1"}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    (tmp_path / "cpu.txt").write_text(LOCK)
    return tmp_path / "cpu.txt"


@pytest.mark.parametrize(
    ("running", "status"),
    [("3.11.0", "PASS"), ("3.13.9", "PASS"), ("3.10.14", "FAIL"), ("3.14.0", "FAIL"), ("3.14.0rc1", "FAIL")],
)
def test_pythons(running: str, status: str) -> None:
    found = python(">=3.11,<3.14", running)
    assert found.status == status
    assert (running in found.detail) and (">=3.11,<3.14" in found.detail) == (status == "FAIL")


def test_the_supported_versions_are_those_of_the_package() -> None:
    assert f'requires-python = "{supported_python()}"' in (PROJECT / "pyproject.toml").read_text()


def test_what_is_pinned_for_this_machine_and_there_passes(lock: Path) -> None:
    found = pinned(lock, INSTALLED.get)
    assert (found.status, found.detail) == ("PASS", f"all 3 are those of {lock}")


def test_differences_are_named_in_one_finding(lock: Path) -> None:
    found = pinned(lock, {"numpy": "1.0", "torch": "2.13.0"}.get)
    assert found.status == "WARN"
    assert found.detail == f"2 of 3 are not those of {lock}: faiss-cpu is missing, numpy 1.0 instead of 2.0"
    assert found.remedy == "run `make -B install`"
    gpu = lock.rename(lock.with_name("gpu.txt"))
    assert pinned(gpu, {}.get).remedy == "run `make -B install GPU=1`"


def test_many_differences_are_counted(tmp_path: Path) -> None:
    (tmp_path / "cpu.txt").write_text("".join(f"package{i}==1\n" for i in range(20)))
    detail = pinned(tmp_path / "cpu.txt", {}.get).detail
    assert detail.count("is missing") == 8
    assert detail.endswith("package7 is missing and 12 more")


def test_without_a_lock_it_says_where_to_go(tmp_path: Path) -> None:
    assert pinned(tmp_path / "cpu.txt").remedy == "run clipit in the project's folder"


@pytest.mark.parametrize(
    ("installed", "status", "detail"),
    [
        (["faiss-cpu"], "PASS", "faiss-cpu"),
        (["faiss-gpu"], "PASS", "faiss-gpu"),
        (["faiss-cpu", "faiss-gpu"], "FAIL", "faiss-cpu and faiss-gpu overwrite each other's files"),
        ([], "FAIL", "not installed"),
    ],
)
def test_faiss_is_there_once(installed: list[str], status: str, detail: str) -> None:
    found = faiss(faiss_installed(dict.fromkeys(installed, "1.2").get))
    assert (found.status, found.detail) == (status, detail)
    assert found.remedy.startswith("uninstall all of them") == (len(installed) == 2)


def test_a_package_is_looked_up_without_importing_it() -> None:
    code = "import sys; from clipit.doctor.packages import version_of as v; print(v('torch'), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [version_of("torch"), "False"]
    assert version_of("no-such-package") is None
