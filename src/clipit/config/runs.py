"""What one variant trains: its runs, with all that each reads."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from clipit.config.names import COLOUR, ORACLE, TEACHER, TEXT_TEACHER, drawn_pairing, words_removed
from clipit.config.training import Training, chosen, swept
from clipit.config.variants import VARIANTS, Variant

_STUDENT_ONLY = {"colour", "probe", "teacher"}
_TEXT_KEYS = {"lambda", "kd_target", "hidden"}


@dataclass(frozen=True)
class Run:
    """One training: what it reads and its settings. `id` hashes exactly these, not the seed.

    `backbone` is the retriever's name where its embeddings are classified: of teachers, and of the retriever's own
    variants. `labels` is the share of the labels that is known. `drawn` is the control that `pairing` was drawn as, for
    each seed anew, and `of` the experiment's pairing, where that control depends on it. `probe`, `teacher` and
    `labeller` are runs that it starts from, the last the one whose predictions it takes for labels.
    """

    dataset: str
    backbone: str
    variant: str
    seed: int
    settings: Mapping[str, Any]
    labels: float = 1.0
    target: str | None = None
    corpus: str | None = None
    retriever: str | None = None
    pairing: str | None = None
    drawn: Literal["random", "shuffled"] | None = None
    of: str | None = None
    probe: "Run | None" = field(default=None, compare=False)
    teacher: "Run | None" = field(default=None, compare=False)
    labeller: "Run | None" = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """First 8 hexadecimal digits of a hash over the settings and names that this run reads.

        A drawn pairing is named without its seed, so that the runs of all seeds lie side by side.
        """
        reads = {
            "settings": self.settings,
            "labels": self.labels,
            "target": self.target,
            "corpus": self.corpus,
            "retriever": self.retriever,
            "pairing": drawn_pairing(self.drawn, self.of) if self.drawn else self.pairing,
            **{role: run.id for role, run in self.needs.items()},
        }
        return hashlib.sha256(json.dumps(reads, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def needs(self) -> dict[str, "Run"]:
        """The runs that this one starts from."""
        roles = {"probe": self.probe, "teacher": self.teacher, "labeller": self.labeller}
        return {role: run for role, run in roles.items() if run is not None}

    @property
    def has_backbone(self) -> bool:
        """Whether `backbone` names a backbone of the catalog: not colour, and not the retriever."""
        if self.variant in (TEACHER, TEXT_TEACHER):
            return False
        what = VARIANTS[self.variant]
        return what.trains == "student" or what.features == "backbone"

    @property
    def wildcards(self) -> dict[str, str]:
        """The wildcards of this run's files."""
        return {
            "dataset": self.dataset,
            "backbone": self.backbone,
            "variant": self.variant,
            "run": self.id,
            "seed": str(self.seed),
        }


def runs_of(
    training: Training, names: Mapping[str, str], variant: str, seed: int
) -> Iterator[tuple[Run, dict[str, Any]]]:
    """The runs of a variant on a combination of names, each with its values of the settings that are lists."""
    plain = chosen(training)
    if VARIANTS[variant].trains != "student":
        yield _without_student(plain, names, variant, seed), {}
        return
    ids = {
        path: {_student(chosen(training, {path: v}), names, variant, seed).id for v in values}
        for path, values in swept(training).items()
    }
    read = {path: values for path, values in swept(training).items() if len(ids[path]) > 1}
    for values in itertools.product(*read.values()):
        candidate = dict(zip(read, values, strict=True))
        yield _student(chosen(training, candidate), names, variant, seed), candidate


def _without_student(training: Training, names: Mapping[str, str], variant: str, seed: int) -> Run:
    what = VARIANTS[variant]
    if what.trains == "zeroshot":
        return Run(names["dataset"], _tower(names), variant, seed, {}, retriever=_tower(names))
    head = training.colour if what.features == "colour" else training.probe
    retriever = _tower(names) if what.features == "retriever" else None
    backbone = {"colour": COLOUR, "retriever": retriever}.get(str(what.features)) or names["backbone"]
    return Run(names["dataset"], backbone, variant, seed, head.model_dump(), _labels(names), retriever=retriever)


def target_of(what: Variant, names: Mapping[str, str], seed: int) -> Run:
    """A run that holds what a variant's target is made from; what it does not read stays out, and so out of its id."""
    run = Run(names["dataset"], "", "", seed, {}, _labels(names), target=what.target, retriever=names["retriever"])
    if what.target in ("image", "class_prompt"):
        return replace(run, retriever=_tower(names))
    corpus = words_removed(names["corpus"], what.words_removed) if what.words_removed else names["corpus"]
    if what.target == "mean_report":
        return replace(run, corpus=corpus)
    if what.pairing == "random" or what.pairing == "shuffled":
        of = names.get("mixed" if what.pairing == "random" else "dealt")
        drawn = f"{drawn_pairing(what.pairing, of)}{seed}"
        return replace(run, corpus=corpus, pairing=drawn, drawn=what.pairing, of=of)
    return replace(run, corpus=corpus, pairing=ORACLE if what.pairing == "oracle" else names["pairing"])


def teacher_of(training: Training, what: Variant, reads: Run) -> Run:
    """The teacher of a variant, on the target of `reads`."""
    assert reads.retriever is not None
    adapts = what.lora and training.lora.text and reads.target == "report" and training.protocol == "corrected"
    settings = {
        "head": training.teacher.model_dump(),
        "hidden": training.hidden,
        "protocol": training.protocol,
        "kd_target": training.kd_target,
        "rank": what.rank,
        "text_lora": None,
    }
    if adapts:
        settings |= {"text_lora": _text_adapters(training.lora.model_dump()), "precision": training.precision}
    return replace(reads, backbone=reads.retriever, variant=TEXT_TEACHER if adapts else TEACHER, settings=settings)


def _student_settings(training: Training, what: Variant) -> dict[str, Any]:
    """The settings that a variant's students read, and no others."""
    settings = training.model_dump(by_alias=True, exclude=_STUDENT_ONLY)
    lora = settings["lora"]
    adapted = what.lora and lora["vision"]
    live = what.lora and what.target == "report" and lora["text"] and training.protocol == "upstream"
    settings |= {
        "form": what.form,
        "rank": what.rank,
        "unlabelled": what.unlabelled,
        "pseudo_labels": what.pseudo_labels,
        "lora": _adapters(lora, ("r", "alpha", "dropout", "modules", "linear", "split_qkv")) if adapted else None,
        "text_lora": _text_adapters(lora) if live else None,
    }
    if not adapted:
        settings["augment"] = "none"  # features of the images as they are, computed once
    unread = set() if what.target else _TEXT_KEYS
    if what.pseudo_labels:
        unread = unread - {"lambda"}
    if not what.distils:
        unread = {"lambda", "kd_target"}
    if what.form not in ("late",):
        unread = unread | {"hidden"}
    return {key: value for key, value in settings.items() if key not in unread}


def _student(training: Training, names: Mapping[str, str], variant: str, seed: int) -> Run:
    """The student, and the runs that it starts from."""
    what = VARIANTS[variant]
    settings = _student_settings(training, what)
    run = Run(names["dataset"], names["backbone"], variant, seed, settings, _labels(names))
    if what.form == "contrastive":
        return run
    probe = _without_student(training, names, "linear_probe", seed)
    if what.pseudo_labels:
        plain = {key: value for key, value in settings.items() if key != "lambda"}
        plain |= {"unlabelled": False, "pseudo_labels": False}
        labeller = replace(run, variant="lora_only", settings=plain, probe=probe)
        return replace(run, probe=probe, labeller=labeller)
    if what.target is None:
        return replace(run, probe=probe)
    reads = target_of(what, names, seed)
    teacher = teacher_of(training, what, reads) if what.distils else None
    return replace(reads, backbone=names["backbone"], variant=variant, settings=settings, probe=probe, teacher=teacher)


def _adapters(lora: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: lora[key] for key in keys}


def _text_adapters(lora: Mapping[str, Any]) -> dict[str, Any]:
    return {**_adapters(lora, ("r", "alpha", "dropout", "linear")), "modules": lora["text_modules"]}


def _tower(names: Mapping[str, str]) -> str:
    """The retriever whose image embeddings are read: two that read reports in different ways may share it."""
    return names.get("tower", names["retriever"])


def _labels(names: Mapping[str, str]) -> float:
    return float(names.get("label_fraction", 1.0))
