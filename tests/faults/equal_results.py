"""What two runs must agree in: every file of the results, byte for byte, but for what holds time."""

import re
from pathlib import Path

from tests.faults.killed import digest

NOT_COMPARED = {
    "logs": "what jobs said: seconds, rates",
    "benchmarks": "seconds and memory of jobs and of their steps",
    "costs": "a measurement: milliseconds",
    "tensorboard": "TensorBoard's files hold the time and the process",
}
"""Folders, wherever they are below the results, and why they are left out."""

MEASURED_SECTIONS = ("time", "cost", "embedding")
"""Sections of `report/index.html` that show those measurements; the rest of the page is compared."""


def comparable(results: Path) -> dict[str, str]:
    """SHA-256 of every file below `results` that is compared, by its path; folders too. Hidden files count."""
    found = {name: sha for name, sha in digest(results).items() if not NOT_COMPARED.keys() & set(Path(name).parts)}
    page = results / "report" / "index.html"
    if page.exists():
        found["report/index.html"] = _without_measurements(page.read_text(encoding="utf-8"))
    return found


def _without_measurements(page: str) -> str:
    for name in MEASURED_SECTIONS:
        page = re.sub(rf'<section id="{name}">.*?</section>', "", page, flags=re.DOTALL)
    return page


def differences(results: dict[str, str], expected: dict[str, str]) -> list[str]:
    """One line for each path in which two results differ."""
    return [
        f"{name}: {'missing' if name not in results else 'too many' if name not in expected else 'other bytes'}"
        for name in sorted(results.keys() | expected.keys())
        if results.get(name) != expected.get(name)
    ]
