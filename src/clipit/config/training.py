"""How the models of an experiment are trained: the two protocols and their settings."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from clipit.config.strict import Strict

T = TypeVar("T")


def _several(values: list[T]) -> list[T]:
    if len(set(values)) < len(values):
        raise ValueError(f"names a value twice: {values}")
    return values


Swept: TypeAlias = T | Annotated[list[T], Field(min_length=1), AfterValidator(_several)]
"""One value, or a list: each is trained, and the best on validation is tested."""

Choice: TypeAlias = Mapping[str, Any]
"""Values of settings, by their dotted names in a configuration."""

Share = Annotated[float, Field(ge=0, lt=1)]
Augmentation = Literal["none", "flips", "dihedral", "flips_colour", "dihedral_colour"]
Monitor = Literal["val_ce", "val_loss", "val_balanced_accuracy", "val_auroc"]


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` on top of `below`, mapping by mapping; steps that are asked for replace epochs, and vice versa."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _over(merged[key], value) if both else value
    for asked, other in (("steps", "epochs"), ("epochs", "steps")):
        if above.get(asked) is not None and above.get(other) is None and {asked, other} & below.keys():
            merged[other] = None
    return merged


def _one_length(given: Any, default: str) -> Any:
    """`given`, where `steps` or `epochs` replaces the other, which is the `default`."""
    if not isinstance(given, Mapping):
        return given
    asked = [key for key in ("steps", "epochs") if given.get(key) is not None]
    if len(asked) == 2:
        raise ValueError("steps and epochs are both given: give one")
    return {**given, default: None} if asked and asked != [default] else given


def _check_length(settings: Any) -> None:
    if settings.steps is None and settings.epochs is None:
        raise ValueError("neither steps nor epochs says how long to train: give one")


RELEASED: dict[str, Any] = {
    "steps": None,
    "epochs": 1,
    "batch": 64,
    "optimiser": "adam",
    "schedule": "constant",
    "schedule_steps": 12_500,
    "schedule_unit": "epoch",
    "lr_end": 1e-4,
    "augment": "none",
    "lora": {"r": 16, "alpha": 8, "text": True},
    "validations": 10,
    "monitor": "val_loss",
    "probe": {
        "steps": 12_500,
        "lr": 0.01,
        "batch": 4096,
        "weight_decay": 0.0,
        "optimiser": "sgd",
        "schedule": "cosine",
        "standardise": False,
    },
    "teacher": {
        "epochs": 10,
        "batch": 64,
        "optimiser": "adam",
        "schedule": "cosine",
        "schedule_steps": 12_500,
        "schedule_unit": "epoch",
        "lr_end": 1e-4,
        "select": "balanced_accuracy",
    },
}
"""Defaults of the `upstream` protocol, where they differ: the released scripts' (stages 2 and 3) and eva's (probe)."""


class Lora(Strict):
    """Low-rank adapters."""

    r: Swept[PositiveInt] = 8
    alpha: Swept[PositiveFloat] = 8.0
    dropout: Swept[Share] = 0.0
    modules: str | None = None
    """A regular expression: layers of the backbone whose dotted names it matches are adapted. None: every linear and
    every convolutional layer."""
    text_modules: str | None = None
    """The same of the text tower."""
    linear: bool = True
    """Adapters on linear layers, and on attention, which is made of them. `false` leaves convolutions; `upstream`:
    embeddings too, and the head on the backbone stays as the probe left it."""
    split_qkv: bool = False
    """Adapters of their own for q, k and v, where the backbone computes them in one layer."""
    vision: bool = True
    """Adapters on the backbone."""
    text: bool = False
    """Adapters on the retriever's text tower. `corrected`: trained with the teacher, then frozen."""


class Head(Strict):
    """How a head is fitted to frozen features: the probe and the teacher."""

    epochs: PositiveInt | None = 100
    """Passes over the train patches; not with `steps`."""
    steps: PositiveInt | None = None
    batch: PositiveInt = 256
    lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 1e-4
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    """`sgd` has a momentum of 0.9; `adam` adds the decay to the gradient."""
    schedule: Literal["constant", "cosine"] = "constant"
    schedule_steps: PositiveInt | None = None
    """Steps of the cosine. None: as many as there are."""
    schedule_unit: Literal["step", "epoch"] = "step"
    """`epoch`: the cosine moves after each pass over the train patches alone, and `schedule_steps` are passes."""
    lr_end: NonNegativeFloat = 0.0
    """Where the cosine ends."""
    select: Literal["cross_entropy", "balanced_accuracy"] = "cross_entropy"
    """The epoch with the best of this on validation counts."""
    standardise: bool = True
    """Fit to standardised features. The teacher's are unit vectors and are left alone."""

    @model_validator(mode="before")
    @classmethod
    def _steps_replace_epochs(cls, given: Any) -> Any:
        return _one_length(given, "epochs")

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        _check_length(self)
        return self


class ColourHead(Head):
    """How the head on the six colour features is fitted: so few need larger steps."""

    epochs: PositiveInt | None = 300
    lr: PositiveFloat = 0.01


class Training(Strict):
    """One protocol, shared by every variant of an experiment. `upstream` changes the defaults of most keys
    (docs/protocols.md)."""

    protocol: Literal["corrected", "upstream"] = "corrected"
    """`upstream` reproduces the released code, quirks and defaults; `corrected` leaves the quirks out."""
    steps: Swept[PositiveInt] | None = 150
    """Optimiser steps of a student; not with `epochs`."""
    epochs: Swept[PositiveFloat] | None = None
    """Passes over the labelled train patches, in place of `steps`."""
    batch: Swept[PositiveInt] = 48
    """Labelled patches of a step, over all processes."""
    lr: Swept[PositiveFloat] = 1e-3
    weight_decay: Swept[NonNegativeFloat] = 1e-4
    clip: Swept[PositiveFloat] = 0.5
    """Bound on the gradient's norm."""
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    schedule: Literal["constant", "cosine"] = "cosine"
    schedule_steps: PositiveInt | None = None
    """Steps of the cosine. None: as many as there are."""
    schedule_unit: Literal["step", "epoch"] = "step"
    """`epoch`: the cosine moves after each pass over the train patches alone, and `schedule_steps` are passes."""
    lr_end: NonNegativeFloat = 0.0
    """Where the cosine ends."""
    augment: Augmentation = "dihedral"
    """`flips`: either way; `dihedral`: quarter turns too; `_colour`: brightness, contrast, saturation, hue besides.
    What trains from the cached features of a frozen backbone sees the patches as they are."""
    lora: Lora = Lora()
    lambda_: Annotated[Swept[NonNegativeFloat], Field(alias="lambda")] = 1.0
    """Weight of the distillation loss."""
    kd_target: Literal["plain", "centred"] = "plain"
    """`centred`: the mean target of the train patches is taken off each target."""
    hidden: PositiveInt = 512
    """Hidden units of the text head."""
    validations: PositiveInt = 5
    """Validations of a training, evenly spaced. It can be resumed at each."""
    monitor: Monitor = "val_ce"
    """What chooses the weights to keep: validation cross-entropy, balanced accuracy or AUROC, which need no report, or
    the whole loss, which does."""
    patience: PositiveInt | None = None
    """Stop after so many validations without a better one."""
    delta: NonNegativeFloat = 0.0
    """By how much a validation must be better to count for `patience`."""
    colour: ColourHead = ColourHead()
    """How the head on the six colour features is fitted."""
    probe: Head = Head()
    """How the linear head on a frozen backbone's features is fitted; students start from it."""
    teacher: Head = Head()
    """How the text head is fitted to the targets; students start from it."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of the training of students and of text towers. `auto`: bfloat16 (mixed) where the device multiplies it natively,
    else float32."""

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_protocol(cls, given: Any) -> Any:
        given = _one_length(given, "steps")
        if isinstance(given, Mapping) and given.get("protocol") == "upstream":
            epochs = given.get("epochs", RELEASED["epochs"])
            # One every tenth of an epoch.
            often = {"validations": max(1, round(10 * epochs))} if isinstance(epochs, int | float) else {}
            return _over({**RELEASED, **often}, given)
        return given

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _check_length(self)
        if self.lora.split_qkv and not self.lora.linear:
            raise ValueError("lora.split_qkv splits linear layers, which lora.linear: false leaves alone: set one")
        if self.lora.text and not self.lora.linear and self.protocol == "corrected":
            raise ValueError("lora.linear: false leaves nothing of the text tower to adapt: set lora.text: false")
        if self.lora.text and self.kd_target == "centred":
            raise ValueError("kd_target: centred has no fixed centre while the text tower trains: set lora.text: false")
        return self


def swept(training: Training) -> dict[str, list[Any]]:
    """The settings that are lists, by their dotted names."""
    values = training.model_dump(by_alias=True)
    flat = values | {f"lora.{key}": value for key, value in values["lora"].items()}
    return {name: value for name, value in flat.items() if isinstance(value, list)}


def chosen(training: Training, values: Choice = MappingProxyType({})) -> Training:
    """`training` with `values` for settings that are lists; the first of each that is not named."""
    wanted = {name: choices[0] for name, choices in swept(training).items()} | dict(values)
    lora = {name.removeprefix("lora."): value for name, value in wanted.items() if name.startswith("lora.")}
    fields = {field.alias or name: name for name, field in Training.model_fields.items()}
    update = {fields[name]: value for name, value in wanted.items() if "." not in name}
    return training.model_copy(update=update | {"lora": training.lora.model_copy(update=lora)})
