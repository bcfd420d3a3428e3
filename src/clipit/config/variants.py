"""The variants that an experiment compares: what each trains, and what it distils."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Variant:
    """One row of a table.

    Attributes:
        trains: `probe` = a linear head on frozen features, `student` = LoRA on the backbone.
        meaning: one plain sentence for tables and reports.
        target: what the student distils: the paired `report`, the retriever's `image` embedding, or nothing.
        pairing: where a report target comes from: the experiment's pairing, or a uniform draw.
        unlabelled: the distillation also sees train patches without a label.
        features: what a probe looks at.
    """

    trains: Literal["probe", "student"]
    meaning: str
    target: Literal["report", "image"] | None = None
    pairing: Literal["chosen", "random"] | None = None
    unlabelled: bool = False
    features: Literal["colour", "backbone"] | None = None


VARIANTS: dict[str, Variant] = {
    "colour": Variant(
        "probe",
        "No network: mean and spread of the three colour channels alone. What is above this is more than stain.",
        features="colour",
    ),
    "linear_probe": Variant(
        "probe", "The pretrained backbone as it is, with one linear layer on top; no text.", features="backbone"
    ),
    "lora_only": Variant(
        "student",
        "The backbone adapted to the task (LoRA) without any text. The fair control: same probe, same patches.",
    ),
    "random_pairing": Variant(
        "student",
        "CLIP-IT with a report drawn at random for every patch. Text cannot inform here.",
        target="report",
        pairing="random",
    ),
    "image_distillation": Variant(
        "student",
        "Learns from the retriever's view of the image, not of a report: text, or a better CLIP?",
        target="image",
    ),
    "clipit": Variant(
        "student",
        "The backbone adapted while it also learns to predict what the paired report says. Needs no text in use.",
        target="report",
        pairing="chosen",
    ),
    "clipit_unlabelled": Variant(
        "student",
        "CLIP-IT, learning from the reports of unlabelled training patches as well.",
        target="report",
        pairing="chosen",
        unlabelled=True,
    ),
}
