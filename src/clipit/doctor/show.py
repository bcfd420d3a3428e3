"""The doctor's findings for the eye, and for programs."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from clipit.doctor.finding import Finding, size_text

_STYLE = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red"}


def print_findings(findings: Sequence[Finding], console: Console) -> None:
    """A line each, with its remedy below; then the sum."""
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        line = Text.assemble(
            (finding.status, _STYLE[finding.status]), f"  {finding.subject:<{width}}  {finding.detail}"
        )
        console.print(line, soft_wrap=True)
        if finding.remedy:
            console.print(Text(f"      -> {finding.remedy}"), soft_wrap=True)
    counts = Counter(finding.status for finding in findings)
    fetch = sum(finding.fetch for finding in findings)
    said = f"{counts['PASS']} pass, {counts['WARN']} warn, {counts['FAIL']} fail"
    said += f"; {size_text(fetch)} to fetch" if fetch else "; nothing to fetch"
    said += ", as far as it could be seen" if counts["FAIL"] else ""
    console.print(Text(said, style="bold"), soft_wrap=True)


def as_json(findings: Sequence[Finding]) -> str:
    """`ok`, `fetch` (bytes) and `findings`, as one JSON document."""
    document = {
        "ok": not any(finding.status == "FAIL" for finding in findings),
        "fetch": sum(finding.fetch for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(document, indent=1)
