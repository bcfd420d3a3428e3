"""`envs/audit.py`: what it makes of each answer that pip-audit can give."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "envs" / "audit.py"
SOUND = {"name": "numpy", "version": "2.4.6", "vulns": []}
UNKNOWN = {"name": "ours", "skip_reason": "not found"}
FLAWED = {"name": "pillow", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}]}
HOPELESS = {"name": "old", "version": "0.1", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]}


@pytest.fixture
def audit(tmp_path: Path):
    """Runs the script with a pip-audit that answers as told, and sees that it is asked about the lock."""

    def run(
        packages: list[dict[str, Any]] | None, status: int = 0, error: str = ""
    ) -> subprocess.CompletedProcess[str]:
        answer = "" if packages is None else json.dumps({"dependencies": packages, "fixes": []})
        program = tmp_path / "pip-audit"
        program.write_text(
            f"#!{sys.executable}\nimport sys\n"
            "assert sys.argv[sys.argv.index('--requirement') + 1] == 'cpu.txt'\n"
            f"print({answer!r})\nprint({error!r}, file=sys.stderr)\nsys.exit({status})\n"
        )
        program.chmod(0o755)
        command = [sys.executable, str(SCRIPT), "cpu.txt", str(program)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_sound_versions_pass(audit) -> None:
    said = audit([SOUND, UNKNOWN], error="No known vulnerabilities found")
    assert (said.returncode, said.stderr) == (0, "")
    assert (
        said.stdout == "audit: no known vulnerability in 1 packages of cpu.txt, 1 others are not known to the service\n"
    )


def test_known_vulnerabilities_fail_and_are_named(audit) -> None:
    said = audit([SOUND, FLAWED, HOPELESS], status=1, error="Found 2 known vulnerabilities in 2 packages")
    assert said.returncode == 1
    assert said.stderr == (
        "audit: pillow 1.0 has PYSEC-1, mended in 1.1, 2.0\naudit: old 0.1 has PYSEC-2, mended in no version yet\n"
    )


@pytest.mark.parametrize(
    ("packages", "error"),
    [
        (None, "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='a', port=443): Max retries exceeded"),
        (None, "ERROR:pip_audit._cli:Could not connect to the vulnerability feed"),
        (None, "requests.exceptions.ReadTimeout: read timed out"),
        (None, "pip_audit._service.interface.ServiceError"),
        ([UNKNOWN, UNKNOWN], "No known vulnerabilities found"),
    ],
)
def test_a_service_that_gives_no_answer_passes_and_is_said_in_one_line(audit, packages, error) -> None:
    said = audit(packages, status=0 if packages else 1, error=error)
    assert (said.returncode, said.stdout) == (0, "")
    assert said.stderr.startswith("audit: cpu.txt was NOT checked for known vulnerabilities (")
    assert len(said.stderr.splitlines()) == 1


def test_a_finding_counts_whatever_else_went_wrong(audit) -> None:
    assert audit([FLAWED, UNKNOWN], status=1, error="ConnectionError").returncode == 1


@pytest.mark.parametrize("error", ["ERROR:pip_audit._cli:cannot parse the requirements", "Traceback: KeyError"])
def test_any_other_failure_fails(audit, error) -> None:
    said = audit(None, status=1, error=error)
    assert said.returncode == 2
    assert error in said.stderr


def test_make_lint_asks() -> None:
    recipe = (PROJECT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    assert "$(BIN)/python envs/audit.py envs/cpu.txt" in recipe
    assert any(line.startswith("pip-audit==") for line in (PROJECT / "envs" / "cpu.txt").read_text().splitlines())
