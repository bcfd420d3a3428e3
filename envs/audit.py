"""Asks whether a version in a lock has a known vulnerability: `python envs/audit.py envs/cpu.txt`.

Exit status: 0 if none is known, or if the advisory service gives no answer, which one line says; 1 if one is known;
2 if pip-audit fails for another reason.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

_NO_ANSWER = re.compile(r"Could not connect|ConnectionError|Timeout|ProxyError|SSLError|HTTPError|ServiceError")
"""What pip-audit, or the library that it asks with, says where the service cannot be reached or has an error."""
_LONGEST = 600  # seconds


def audit(lock: str, program: str) -> int:
    """Runs pip-audit (`program`) on `lock` and says what came of it; gives the exit status."""
    command = [program, "--requirement", lock, "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            [*command, "--format", "json"], capture_output=True, text=True, timeout=_LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        return _not_asked(lock, f"no answer within {_LONGEST} s")
    packages = _packages(done.stdout)
    if packages is None:
        if why := _NO_ANSWER.search(done.stderr):
            return _not_asked(lock, f"the advisory service gives no answer: {why[0]}")
        print(f"audit: pip-audit failed on {lock} (status {done.returncode}):\n{done.stderr[-2000:]}", file=sys.stderr)
        return 2
    known = [package for package in packages if "vulns" in package]
    found = [(package, flaw) for package in known for flaw in package["vulns"]]
    for package, flaw in found:
        mended = ", ".join(flaw["fix_versions"]) or "no version yet"
        print(f"audit: {package['name']} {package['version']} has {flaw['id']}, mended in {mended}", file=sys.stderr)
    if found:
        return 1
    if not known:  # a mirror of packages answers for none of them
        return _not_asked(lock, "the advisory service knows none of its packages")
    others = f", {len(packages) - len(known)} others are not known to the service" if len(packages) > len(known) else ""
    print(f"audit: no known vulnerability in {len(known)} packages of {lock}{others}")
    return 0


def _packages(answer: str) -> list[dict[str, object]] | None:
    """What pip-audit says of each package; None: it came to no answer."""
    try:
        packages: list[dict[str, object]] = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    return packages


def _not_asked(lock: str, why: str) -> int:
    print(f"audit: {lock} was NOT checked for known vulnerabilities ({why})", file=sys.stderr)
    return 0


if __name__ == "__main__":
    beside = str(Path(sys.executable).with_name("pip-audit"))
    sys.exit(audit(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else beside))
