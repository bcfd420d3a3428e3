"""Files that are fetched, each by a job of its own."""

from typing import Annotated, Literal
from urllib.parse import parse_qsl

from pydantic import Field, PositiveInt, field_validator

from clipit.config.strict import Strict

_SECRET = ("token", "key", "sig", "secret", "passw", "pwd", "access", "credential", "auth")
"""What names of a query's values hold that are secrets; Amazon's, Azure's and Google's signed addresses have such."""


class HttpDownload(Strict):
    """A file at an address; `.zip` and `.gz` are unpacked beside it."""

    kind: Literal["http"]
    url: str
    md5: str | None = None
    """Of the file; None: its SHA-256 is recorded when it is first fetched, and checked from then on."""
    sha256: str | None = None
    size: PositiveInt | None = None
    """Bytes, where known."""
    unpacked_md5: str | None = None
    """Of the one file within a `.gz`."""

    @field_validator("url")
    @classmethod
    def _without_secret(cls, url: str) -> str:
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise ValueError("a password has no place in an address that is written down: put the file there by hand")
        for name, _ in parse_qsl(url.partition("#")[0].partition("?")[2], keep_blank_values=True):
            if any(word in name.lower() for word in _SECRET):
                raise ValueError(
                    f"{name!r}, a secret by its name, has no place in an address that is written down: put the file "
                    "there by hand"
                )
        return url

    @property
    def file(self) -> str:
        """The name that it is kept under."""
        return self.url.partition("?")[0].rstrip("/").rpartition("/")[2]


class HubDownload(Strict):
    """A file of a data set repository of the Hugging Face hub, at a pinned revision."""

    kind: Literal["hub"]
    repo: str
    """organisation/name."""
    revision: str
    """The commit."""
    path: str
    """Of the file, in the repository."""
    sha256: str | None = None
    size: PositiveInt | None = None
    """Bytes, where known."""

    @property
    def file(self) -> str:
        """The name that it is kept under."""
        return self.path.rpartition("/")[2].replace(" ", "_")


AnyDownload = Annotated[HttpDownload | HubDownload, Field(discriminator="kind")]
