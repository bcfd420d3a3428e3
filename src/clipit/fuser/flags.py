"""The flags of `clipit train-fuser`: those of the released stage-3 script with its defaults, and a few of our own."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

from typer import Option

SPELLINGS = {"token_normalize_func": lambda flag: flag.replace("_", "-")}
"""Of the command: each flag is understood with hyphens and with underscores."""

_WHAT, _HOW, _LORA = "What is trained", "Training", "LoRA"
_STOP, _WHERE, _OWN = "Choice of the weights", "Names and logs", "Not in the released script"


@dataclass(frozen=True)
class Meaning:
    """What the documentation says of a flag of the released script.

    Attributes:
        key: the key of the configuration that it sets; empty: none.
        released: its default in the released script.
        differs: what is not as in the released script.
    """

    key: str
    released: str
    differs: str = ""


_TRAINING = "experiments.*.training"


def _flag(panel: str, said: str, *names: str, **more: Any) -> Any:
    """A flag with its help and the group that the help lists it in."""
    return Option(*names, help=said, rich_help_panel=panel, **more)


@dataclass(frozen=True)
class Flags:
    """The values of all flags, in the order of the help."""

    model: Annotated[
        str,
        _flag(_WHAT, "UNI, DINOL14, VITS_8, VITS_16, VITB_8, VITB_16, or a backbone of the catalog."),
        Meaning("experiments.*.backbone", "UNI", "any backbone of the catalog too, `conch_image` say"),
    ] = "UNI"
    ds: Annotated[
        str,
        _flag(_WHAT, "pcam, bach, crc, or a data set of the catalog; then name its --corpus."),
        Meaning("experiments.*.dataset", "pcam", "any data set of the catalog too"),
    ] = "pcam"
    learner: Annotated[
        str,
        _flag(_WHAT, "late_fusion_kd; late_fusion is the same."),
        Meaning("", "late_fusion_kd", "the released script trains the same model for its two values, and so do we"),
    ] = "late_fusion_kd"
    sd: Annotated[
        list[int],
        _flag(_WHAT, "Seed; given again, a run for each, one table of all.", min=0, metavar="SEED"),
        Meaning("experiments.*.seeds", "0", "may be given again; the seed is the baseline's and the teacher's too"),
    ] = field(default_factory=lambda: [0])

    ep: Annotated[
        float,
        _flag(_HOW, "Passes over the labelled train patches."),
        Meaning(f"{_TRAINING}.epochs", "1", "may be a fraction"),
    ] = 1
    batch: Annotated[int, _flag(_HOW, "Patches of a step."), Meaning(f"{_TRAINING}.batch", "64")] = 64
    lr: Annotated[float, _flag(_HOW, "Learning rate of Adam."), Meaning(f"{_TRAINING}.lr", "0.001")] = 1e-3
    weight_decay: Annotated[
        float,
        _flag(_HOW, "Added to the gradient, as Adam does it."),
        Meaning(f"{_TRAINING}.weight_decay", "0.0001"),
    ] = 1e-4
    clip: Annotated[
        float,
        _flag(_HOW, "Bound on the gradient's norm."),
        Meaning(f"{_TRAINING}.clip", "0.5"),
    ] = 0.5
    lam: Annotated[
        float,
        _flag(_HOW, "Weight of the distillation loss."),
        Meaning(f"{_TRAINING}.lambda", "1"),
    ] = 1
    scheduler: Annotated[
        int,
        _flag(_HOW, "1: a cosine down to 0.0001, over 12,500 epochs: it hardly moves.", min=0, max=1),
        Meaning(
            f"{_TRAINING}.schedule",
            "0",
            "as there over 12,500 epochs, not steps; with `--protocol corrected` over the steps that there are",
        ),
    ] = 0
    kd_layers: Annotated[
        int,
        _flag(_HOW, "1, as in the released script."),
        Meaning("", "1", "the released script reads it and does nothing with it: another value is refused"),
    ] = 1

    lora_r: Annotated[int, _flag(_LORA, "Rank."), Meaning(f"{_TRAINING}.lora.r", "16")] = 16
    lora_alpha: Annotated[
        float,
        _flag(_LORA, "Adapters are multiplied by alpha / r."),
        Meaning(f"{_TRAINING}.lora.alpha", "8"),
    ] = 8
    lora_dropout: Annotated[
        float,
        _flag(_LORA, "Dropout on the adapters' input."),
        Meaning(f"{_TRAINING}.lora.dropout", "0"),
    ] = 0
    lora_text: Annotated[
        int,
        _flag(_LORA, "1: adapters on the text tower.", min=0, max=1),
        Meaning(f"{_TRAINING}.lora.text", "1"),
    ] = 1
    lora_vision: Annotated[
        int,
        _flag(_LORA, "1: adapters on the backbone.", min=0, max=1),
        Meaning(f"{_TRAINING}.lora.vision", "1", "0 trains on cached features, so without augmentation"),
    ] = 1
    no_lin: Annotated[
        bool,
        _flag(_LORA, "No adapters on linear layers: on convolutions and embeddings alone.", "--no-lin"),
        Meaning(f"{_TRAINING}.lora.linear", "off"),
    ] = False

    monitor: Annotated[
        str | None,
        _flag(_STOP, "val_loss (with distillation), val_ce, val_acc, val_auc; with --protocol corrected val_ce."),
        Meaning(
            f"{_TRAINING}.monitor",
            "val_loss",
            "`val_acc` is balanced accuracy; `val_ce`, without distillation, is ours, and the default of `--protocol "
            "corrected`",
        ),
    ] = None
    mod: Annotated[
        Literal["min", "max"] | None,
        _flag(_STOP, "What is better of --monitor; it knows by itself."),
        Meaning("", "min", "follows `--monitor`; the opposite is refused"),
    ] = None
    val_int: Annotated[
        float,
        _flag(_STOP, "Validate after this fraction of an epoch."),
        Meaning(
            f"{_TRAINING}.validations",
            "0.1",
            "becomes a number of validations: `--ep` / `--val-int`, rounded, at least 1",
        ),
    ] = 0.1
    early: Annotated[
        bool,
        _flag(_STOP, "Stop early, by --patience and --delta.", "--early"),
        Meaning(
            f"{_TRAINING}.patience", "off", "by the train loss, as there; with `--protocol corrected` by `--monitor`"
        ),
    ] = False
    patience: Annotated[
        int | None,
        _flag(_STOP, "With --early: validations without a better one; 5."),
        Meaning(f"{_TRAINING}.patience", "5", "without `--early` it is refused, not ignored"),
    ] = None
    delta: Annotated[
        float | None,
        _flag(_STOP, "With --early: by how much one must be better; 5."),
        Meaning(f"{_TRAINING}.delta", "5", "as `--patience`; no loss falls by 5, so set it with `--early`"),
    ] = None
    chkpnt: Annotated[
        bool,
        _flag(_STOP, "No effect: the best weights are always kept.", "--chkpnt"),
        Meaning("", "off", "always as if given; without it the released script tests the last weights"),
    ] = False

    dir: Annotated[
        str | None,
        _flag(_WHERE, "Folder of all results; `results`.", metavar="DIR"),
        Meaning("results", "output", "calls that share it share what they have in common"),
    ] = None
    output: Annotated[
        str | None,
        _flag(_WHERE, "Name of the table; made of --ds, --model and the settings.", metavar="NAME"),
        Meaning("experiments.*", "train_with_text", "names a table, no folder: `DIR/tables/NAME.md`"),
    ] = None
    run: Annotated[
        str | None,
        _flag(_WHERE, "Goes onto the table's name.", metavar="NAME"),
        Meaning("experiments.*", "run1", "chooses no baseline: that is trained here, with the same seed"),
    ] = None
    wandb: Annotated[
        bool,
        _flag(_WHERE, "Log to Weights & Biases, project DS_MODEL or $WANDB_PROJECT.", "--wandb"),
        Meaning("", "off", "sets `WANDB_PROJECT` for the run, unless it is set"),
    ] = False
    log: Annotated[
        int | None,
        _flag(_WHERE, "No effect: every validation is logged."),
        Meaning("", "1", "no effect: `history.csv` and the loggers have every validation"),
    ] = None
    worker: Annotated[
        int | None,
        _flag(_WHERE, "No effect: no other process reads images."),
        Meaning("", "8", "no effect: images are memory-mapped, by the process that trains"),
    ] = None

    corpus: Annotated[
        str | None,
        _flag(_OWN, "Reports; TCGA's of the organ for pcam, bach and crc.", metavar="NAME"),
    ] = None
    retriever: Annotated[str, _flag(_OWN, "CLIP that pairs.", metavar="NAME")] = "conch"
    pairing: Annotated[str, _flag(_OWN, "How it pairs.", metavar="NAME")] = "top1"
    protocol: Annotated[
        Literal["upstream", "corrected"],
        _flag(_OWN, "upstream: the released code, quirks and all; corrected: without them."),
    ] = "upstream"
    control: Annotated[
        bool, _flag(_OWN, "Train lora_only as well: LoRA without text, the fair control.", "--control")
    ] = False
    accept_licence: Annotated[
        list[str],
        _flag(_OWN, "You accept the terms of this entry of the catalog; may be given again.", metavar="NAME"),
    ] = field(default_factory=list)
    config: Annotated[
        list[Path],
        _flag(_OWN, "Own entries, over the catalog's; may be given again.", metavar="FILE"),
    ] = field(default_factory=list)
    cores: Annotated[int | None, _flag(_OWN, "Cores to use. Default: the profile's.", min=1, metavar="N")] = None
    dry_run: Annotated[bool, _flag(_OWN, "Show what would run; nothing is fetched or trained.", "--dry-run", "-n")] = (
        False
    )
    print_config: Annotated[
        bool, _flag(_OWN, "Print the configuration that the flags make, and end.", "--print-config")
    ] = False


def meanings() -> Iterator[tuple[Field[Any], Meaning]]:
    """The fields of `Flags` that the released script has, in order."""
    hints = get_type_hints(Flags, include_extras=True)
    for each in fields(Flags):
        for found in get_args(hints[each.name]):
            if isinstance(found, Meaning):
                yield each, found


def as_command(run: Callable[[Flags], None]) -> Callable[..., None]:
    """`run` as typer wants it: a function with an argument for each flag."""

    def command(**values: Any) -> None:
        run(Flags(**values))

    hints = get_type_hints(Flags, include_extras=True)
    command.__doc__ = run.__doc__
    parameters = [
        inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=_default(each), annotation=hints[each.name]
        )
        for each in fields(Flags)
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


def _default(each: Field[Any]) -> Any:
    return each.default_factory() if each.default_factory is not MISSING else each.default
