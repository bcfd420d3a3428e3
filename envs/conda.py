"""Writes an environment for conda beside each lock, the same pins: `make locks`.

The pins stand in it, not a reference to the lock: Snakemake copies the file elsewhere before conda reads it, and tells
by its content whether an environment changed.
"""

from pathlib import Path

HEADER = """\
# By `make locks` of {lock}, for `snakemake --sdm conda` (docs/cluster.md); every rule names it. What is tested is
# `make install`, which takes the lock by uv; this has not been tried.
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def environment(lock: Path) -> str:
    """The file's content: the pins of `lock` without its comments."""
    pins = (line.partition("#")[0].strip() for line in lock.read_text().splitlines())
    return HEADER.format(lock=lock.name) + "".join(f"      - {pin}\n" for pin in pins if pin)


if __name__ == "__main__":
    for name in ("cpu", "gpu"):
        lock = Path(__file__).with_name(f"{name}.txt")
        lock.with_suffix(".yaml").write_text(environment(lock))
