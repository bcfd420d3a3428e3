"""On what terms a catalog entry may be used, and where it comes from."""

from typing import Annotated

from pydantic import Field

from clipit.config.strict import Strict

Key = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]


class Licensed(Strict):
    """What every data set, corpus and pretrained model says of its terms."""

    licence: str | None = None
    """The licence's name."""
    restriction: str | None = None
    """What the licence or the owner asks beyond naming them; where there is something, `accept_licence` is needed."""
    accept_licence: bool = False
    """True: you have read the licence and accept the restriction."""
    citation: str | None = None
    """How to cite it."""


class Data(Licensed):
    """A data set or a corpus."""

    drawn_from: list[Key] = []
    """Public collections that it is a part of: tables flag models that were pretrained on one of them."""

    @property
    def downloads(self) -> dict[str, str]:
        """What is fetched for it: role -> name among the downloads."""
        return {}


class Model(Licensed):
    """A pretrained model, or one that is trained here."""

    pretrained_on: list[Key] = []
    """Public collections that it was pretrained on."""
