"""Runs the benchmarks of this folder: all, or those named."""

import subprocess
import sys
from pathlib import Path

_HELPERS = ("bench", "contestants", "networks", "run")


def main(names: list[str]) -> int:
    """Runs each of `names`, or every benchmark; the first failure ends it with that exit status."""
    folder = Path(__file__).parent
    known = sorted(path.stem for path in folder.glob("*.py") if path.stem not in _HELPERS)
    for name in names or known:
        if name not in known:
            print(f"there is no benchmark {name!r}: choose from {', '.join(known)}", file=sys.stderr)
            return 2
        status = subprocess.run([sys.executable, str(folder / f"{name}.py")], check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
