"""What the released code fixes for each of its data sets and names for its backbones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BACKBONES = {
    "UNI": "uni",
    "DINOL14": "kaiko_vitl14",
    "VITS_8": "kaiko_vits8",
    "VITS_16": "kaiko_vits16",
    "VITB_8": "kaiko_vitb8",
    "VITB_16": "kaiko_vitb16",
}
"""The values of its `--model`, and the backbones of the catalog that they are."""


@dataclass(frozen=True)
class Preset:
    """What goes with a data set.

    Attributes:
        corpus: its reports; None: the user names them.
        training: settings that are not the same for every data set. The baseline's are eva's.
        upstream_corpus: the reports of the `upstream` protocol, where the released code cleans them otherwise.
        upstream_entry: keys of the data set that are the released code's, where ours differ.
    """

    corpus: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    upstream_corpus: str | None = None
    upstream_entry: Mapping[str, Any] = field(default_factory=dict)


PRESETS = {
    "pcam": Preset(
        "tcga_breast",
        {"augment": "flips_colour", "teacher": {"epochs": 5}, "probe": {"batch": 4096, "lr": 0.01}},
        upstream_corpus="tcga_breast_upstream",
    ),
    "bach": Preset(
        "tcga_breast",
        {"augment": "none", "teacher": {"epochs": 100}, "probe": {"batch": 256, "lr": 0.000625}},
        upstream_entry={"split": "released"},
    ),
    "crc": Preset("tcga_colon", {"augment": "none", "teacher": {"epochs": 10}, "probe": {"batch": 4096, "lr": 0.01}}),
}
