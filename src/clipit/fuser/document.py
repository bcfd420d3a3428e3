"""The table of docs/train_fuser.md, made from the flags.

`python -m clipit.fuser.document` prints it.
"""

from clipit.fuser.flags import meanings


def table() -> str:
    """A row for each flag of the released script, Markdown."""
    lines = ["| flag | sets | released default | not as in the released script |", "|---|---|---|---|"]
    for flag, meaning in meanings():
        key = f"`{meaning.key}`" if meaning.key else "–"
        lines.append(f"| `--{flag.name.replace('_', '-')}` | {key} | {meaning.released} | {meaning.differs} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
