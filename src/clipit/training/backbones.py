"""A backbone from the plain values that a rule hands over."""

from collections.abc import Mapping
from typing import Any

from clipit.encoders.backbone import Backbone, backbone_from_retriever, load_backbone


def open_backbone(backbone: Mapping[str, Any]) -> Backbone:
    """The arguments of `load_backbone`, or `{"retriever": arguments of load_retriever}` for its image tower."""
    if "retriever" in backbone:
        # Imported here: the text libraries that a retriever needs take seconds to import.
        from clipit.encoders.retriever import load_retriever

        return backbone_from_retriever(load_retriever(**backbone["retriever"]))
    return load_backbone(**backbone)
