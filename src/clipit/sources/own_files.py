"""What own files hold, for the provenance of what is made from them."""

from pathlib import Path

from clipit.artifacts.provenance import file_digest, json_digest
from clipit.sources.image_files import visible_files


def content_digest(path: str | Path) -> str:
    """A SHA-256 of a file, or of the names and contents of the visible files in a folder, hexadecimal.

    Raises:
        UserError: a folder cannot be read.
    """
    path = Path(path)
    if path.is_file():
        return file_digest(path)
    files = [Path(file) for file in visible_files(path)]
    return json_digest(sorted((file.relative_to(path).as_posix(), file_digest(file)) for file in files))
