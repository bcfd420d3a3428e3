"""A backbone from the plain values that a rule hands over."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from clipit.encoders.backbone import Backbone, load_backbone


def open_backbone(backbone: Mapping[str, Any]) -> tuple[Backbone, nn.Linear | None]:
    """The backbone, and the layer from its features into the space that a retriever shares with texts, if there is one.

    `backbone`: the arguments of `load_backbone`, or `{"retriever": arguments of load_retriever}` for its image tower.
    """
    if "retriever" in backbone:
        # Imported here: the text libraries that a retriever needs take seconds to import.
        from clipit.encoders.retriever import load_retriever

        retriever = load_retriever(**backbone["retriever"])
        return retriever.image_backbone(), retriever.into_shared_space()
    return load_backbone(**backbone), None
