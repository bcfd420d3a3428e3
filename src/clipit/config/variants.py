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
    "colour": Variant("probe", "mean and standard deviation of red, green and blue; no network", features="colour"),
    "linear_probe": Variant("probe", "frozen backbone and a linear head; no text, no LoRA", features="backbone"),
    "lora_only": Variant("student", "backbone with LoRA, no text: the fair control"),
    "random_pairing": Variant(
        "student", "like clipit, every image with a report drawn at random", target="report", pairing="random"
    ),
    "image_distillation": Variant(
        "student", "distils the retriever's own image embedding instead of a report: is it text?", target="image"
    ),
    "clipit": Variant("student", "distils the paired report into the backbone", target="report", pairing="chosen"),
    "clipit_unlabelled": Variant(
        "student",
        "like clipit, distilling also on train images without a label",
        target="report",
        pairing="chosen",
        unlabelled=True,
    ),
}
