"""The variants that an experiment compares: what each trains, on what, and what it distils."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Variant:
    """One row of a table.

    Attributes:
        meaning: one plain sentence for tables and reports.
        trains: a `probe` on frozen features, a `student`, or nothing (`zeroshot`).
        features: what a probe looks at: `colour`, the `backbone`'s features, the `retriever`'s image embeddings.
        form: how a student classifies (clipit.models.heads): `vision` alone, `late` or `early` fusion, `direct`
            distillation into the vision features, `contrastive` with the class prompts.
        lora: whether the backbone is adapted; otherwise it is frozen, and its features are computed once.
        target: what is distilled: the paired `report`, the retriever's `image` embedding, the nearest `class_prompt`,
            the `mean_report`, or nothing. Of `image`, `modules_only` takes the size alone.
        distils: False: the target is left alone (lambda is 0), and no teacher is trained on it.
        pairing: where a report comes from: the experiment's pairing (`chosen`), or one of the controls.
        rank: which of the paired reports, 0 the best; None: those that the pairing weighs.
        words_removed: percent of the reports' words that are removed beforehand.
        unlabelled: the distillation also sees train patches without a label.
        pseudo_labels: those patches get the labels that `lora_only` predicts.
    """

    meaning: str
    trains: Literal["probe", "student", "zeroshot"] = "student"
    features: Literal["colour", "backbone", "retriever"] | None = None
    form: Literal["vision", "late", "early", "direct", "contrastive"] = "vision"
    lora: bool = True
    target: Literal["report", "image", "class_prompt", "mean_report"] | None = None
    distils: bool = True
    pairing: Literal["chosen", "random", "shuffled", "oracle"] | None = None
    rank: int | None = None
    words_removed: int = 0
    unlabelled: bool = False
    pseudo_labels: bool = False


def _report(
    meaning: str, pairing: Literal["chosen", "random", "shuffled", "oracle"] = "chosen", **more: object
) -> Variant:
    """A student that distils a paired report, by late fusion unless said otherwise."""
    return Variant(meaning, **{"form": "late", "target": "report", "pairing": pairing} | more)  # type: ignore[arg-type]


_ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}

VARIANTS: dict[str, Variant] = {
    "colour": Variant(
        "No network: mean and spread of the three colour channels alone. What is above this is more than stain.",
        trains="probe",
        features="colour",
    ),
    "linear_probe": Variant(
        "The pretrained backbone as it is, with one linear layer on top; no text.", trains="probe", features="backbone"
    ),
    "retriever_zeroshot": Variant(
        "Nothing is trained: the class whose name, as a text, the retriever finds most similar.", trains="zeroshot"
    ),
    "retriever_probe": Variant(
        "The retriever's image embeddings with one linear layer on top: how much a better CLIP alone would do.",
        trains="probe",
        features="retriever",
    ),
    "lora_only": Variant(
        "The backbone adapted to the task (LoRA) without any text. The fair control: same probe, same patches."
    ),
    "modules_only": Variant(
        "CLIP-IT's added modules without text and without distillation: is it only the parameters?",
        form="late",
        target="image",
        distils=False,
    ),
    "no_lora": _report("CLIP-IT on a frozen backbone: only the heads learn.", lora=False),
    "random_pairing": _report(
        "CLIP-IT with a report drawn at random for every patch. Text cannot inform here.", "random"
    ),
    "shuffled_text": _report(
        "CLIP-IT with the paired reports dealt anew: each is used as often, by other patches.", "shuffled"
    ),
    "constant_text": Variant(
        "CLIP-IT with the mean report for every patch: a target that says nothing.", form="late", target="mean_report"
    ),
    **{
        f"rank{n}": _report(f"CLIP-IT with the {_ORDINALS[n]} best report in place of the best.", rank=n - 1)
        for n in _ORDINALS
    },
    **{
        f"words_removed_{share}": _report(
            f"CLIP-IT after {share}% of the reports' words were removed.", words_removed=share
        )
        for share in (10, 20, 30, 40, 50)
    },
    "image_distillation": Variant(
        "Learns from the retriever's view of the image, not of a report: text, or a better CLIP?",
        form="late",
        target="image",
    ),
    "class_prompt_distillation": Variant(
        "Learns from the name of the class that the retriever finds most similar, not from a report.",
        form="late",
        target="class_prompt",
    ),
    "early_fusion": _report("CLIP-IT with features and predicted text joined before one classifier.", form="early"),
    "direct_distillation": _report(
        "The report distilled into the vision features, without a text branch.", form="direct"
    ),
    "contrastive": Variant("The CLIP fine-tuned against the names of the classes, with no report.", form="contrastive"),
    "oracle_pairing": _report(
        "CLIP-IT with a report of the image's true finding: an upper bound, phantom only.", "oracle"
    ),
    "clipit": _report(
        "The backbone adapted while it also learns to predict what the paired report says. Needs no text in use."
    ),
    "pseudo_label": Variant(
        "As lora_only, which also labels the unlabelled training patches to learn from: no text.",
        unlabelled=True,
        pseudo_labels=True,
    ),
    "random_unlabelled": _report("clipit_unlabelled with reports drawn at random.", "random", unlabelled=True),
    "image_distillation_unlabelled": Variant(
        "image_distillation on the unlabelled training patches as well.",
        form="late",
        target="image",
        unlabelled=True,
    ),
    "clipit_unlabelled": _report(
        "CLIP-IT, learning from the reports of unlabelled training patches as well.", unlabelled=True
    ),
}
