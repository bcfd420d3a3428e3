"""From the flags of `clipit train-fuser` to a configuration of one experiment."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from clipit.config.load import SECTIONS, deep_merge, hint, merge_entries
from clipit.config.training import RELEASED
from clipit.fuser.flags import Flags
from clipit.fuser.released import BACKBONES, PRESETS, Preset
from clipit.runtime.errors import UserError

_MONITORS = {
    "val_loss": ("val_loss", "min"),
    "val_ce": ("val_ce", "min"),
    "val_acc": ("val_balanced_accuracy", "max"),
    "val_balanced_accuracy": ("val_balanced_accuracy", "max"),
    "val_auc": ("val_auroc", "max"),
    "val_auroc": ("val_auroc", "max"),
}
"""Values of `--monitor`: the column of the history, and what is better of it."""

_LEARNERS = ("late_fusion_kd", "late_fusion")
_PATIENCE, _DELTA = 5, 5.0  # the released script's


def configuration(flags: Flags, own: Mapping[str, Any], catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, as it would stand in a file, that `flags` ask for.

    Args:
        flags: see there.
        own: the content of the files of `--config`: further entries, and anything else but experiments.
        catalog: the content of the catalog.

    Raises:
        UserError: a flag has an unknown value, or contradicts another; one line that names both.
    """
    if "experiments" in own:
        raise UserError(
            "--config: the flags make the experiment: leave experiments out of the file, or run it by snakemake"
        )
    entries = {section: merge_entries(catalog.get(section) or {}, own.get(section) or {}) for section in SECTIONS}
    preset = PRESETS.get(_known("--ds", flags.ds, entries["datasets"]), Preset())
    quirks = flags.protocol == "upstream"
    corpus = flags.corpus or (quirks and preset.upstream_corpus) or preset.corpus
    if corpus is None:
        raise UserError(f"--ds {flags.ds}: name the reports that go with it: add --corpus NAME")
    experiment = {
        "dataset": flags.ds,
        "corpus": _known("--corpus", corpus, entries["corpora"]),
        "retriever": _known("--retriever", flags.retriever, entries["retrievers"]),
        "backbone": BACKBONES.get(flags.model) or _known("--model", flags.model, entries["backbones"], BACKBONES),
        "pairing": _known("--pairing", flags.pairing, entries["pairings"]),
        "variants": ["linear_probe", *(["lora_only"] if flags.control else []), "clipit"],
        "seeds": flags.sd,
        "training": _training(flags, preset),
    }
    released: dict[str, Any] = (
        {"datasets": {flags.ds: dict(preset.upstream_entry)}} if quirks and preset.upstream_entry else {}
    )
    raw = {"experiments": {_name(flags, experiment): experiment}, **deep_merge(released, own)}
    if flags.dir is not None:
        raw["results"] = flags.dir
    return deep_merge(raw, _accepted(flags.accept_licence, entries))


def without_effect(flags: Flags) -> Iterator[str]:
    """A line for each flag that was given and changes nothing here."""
    if flags.worker is not None:
        yield "--worker has no effect: images are memory-mapped and read by the process that trains"
    if flags.log is not None:
        yield "--log has no effect: every validation is logged"
    if flags.chkpnt:
        yield "--chkpnt has no effect: the weights of the best validation are always the ones that are kept"


def _training(flags: Flags, preset: Preset) -> dict[str, Any]:
    _refuse_unknown_meanings(flags)
    asked: dict[str, Any] = {
        "epochs": flags.ep,
        "batch": flags.batch,
        "lr": flags.lr,
        "weight_decay": flags.weight_decay,
        "clip": flags.clip,
        "lambda": flags.lam,
        "lora": {
            "r": flags.lora_r,
            "alpha": flags.lora_alpha,
            "dropout": flags.lora_dropout,
            "text": bool(flags.lora_text),
            "vision": bool(flags.lora_vision),
            "linear": not flags.no_lin,
        },
        "validations": _validations(flags),
        "monitor": _monitor(flags),
        **_early(flags),
    }
    if flags.scheduler:
        asked["schedule"] = "cosine"
    released = {key: value for key, value in RELEASED.items() if value is not None}
    if flags.protocol == "corrected":  # the rate that stays as it is for 12,500 epochs is a quirk
        by_step: dict[str, Any] = {"schedule_steps": None, "schedule_unit": "step"}
        released |= {**by_step, "teacher": {**released["teacher"], **by_step}}
    return {"protocol": flags.protocol, **deep_merge(deep_merge(released, preset.training), asked)}


def _refuse_unknown_meanings(flags: Flags) -> None:
    if flags.learner not in _LEARNERS:
        raise UserError(f"--learner {flags.learner} is unknown{hint(flags.learner, _LEARNERS)}")
    if flags.kd_layers != 1:
        raise UserError(
            f"--kd-layers {flags.kd_layers}: the released script does nothing with it, and what it means is documented "
            "nowhere: leave it out"
        )
    if not flags.lora_vision and not flags.lora_text:
        changed = flags.lora_r != 16, flags.lora_alpha != 8, flags.lora_dropout != 0, flags.no_lin
        named = zip(("--lora-r", "--lora-alpha", "--lora-dropout", "--no-lin"), changed, strict=True)
        if asked := next((name for name, is_set in named if is_set), None):
            raise UserError(f"{asked} says nothing with --lora-vision 0 --lora-text 0: leave it out, or adapt a tower")


def _validations(flags: Flags) -> int:
    if not 0 < flags.val_int <= 1:
        raise UserError(f"--val-int {flags.val_int:g} is no fraction of an epoch: give one above 0, at most 1")
    return max(1, round(flags.ep / flags.val_int))


def _monitor(flags: Flags) -> str:
    name = flags.monitor or ("val_loss" if flags.protocol == "upstream" else "val_ce")
    if name not in _MONITORS:
        raise UserError(f"--monitor {name} is unknown{hint(name, _MONITORS)}")
    column, better = _MONITORS[name]
    if flags.mod not in (None, better):
        raise UserError(f"--mod {flags.mod} contradicts --monitor {name}: of that, {better} is best: leave --mod out")
    return column


def _early(flags: Flags) -> dict[str, Any]:
    """`patience` and `delta`."""
    if flags.early:
        patience = _PATIENCE if flags.patience is None else flags.patience
        return {"patience": patience, "delta": _DELTA if flags.delta is None else flags.delta}
    for name, value in (("--patience", flags.patience), ("--delta", flags.delta)):
        if value is not None:
            raise UserError(f"{name} {value:g} without --early: add --early, or leave {name} out")
    return {}


def _known(flag: str, name: str, *allowed: Iterable[str]) -> str:
    names = [each for some in allowed for each in some]
    if name not in names:
        raise UserError(f"{flag} {name} is unknown{hint(name, names)}")
    return name


def _name(flags: Flags, experiment: Mapping[str, Any]) -> str:
    """The experiment's: as asked; else with a digest, so that no call overwrites the table of another."""
    parts = [part for part in (flags.output, flags.run) if part is not None]
    for part in parts:
        if not re.fullmatch("[a-z0-9_]+", part):
            raise UserError(f"--output and --run: {part!r} is no name: use lower-case letters, digits and underscores")
    if flags.output is None:
        digest = hashlib.sha256(json.dumps(experiment, sort_keys=True).encode()).hexdigest()[:8]
        parts = [flags.ds, flags.model.lower(), *parts, digest]
    return "_".join(parts)


def _accepted(names: Iterable[str], entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What says that the terms of the entries with these names are accepted."""
    restricted = [
        (section, name)
        for section, named in entries.items()
        for name, entry in named.items()
        if isinstance(entry, Mapping) and entry.get("restriction")
    ]
    accepted: dict[str, Any] = {}
    for asked in names:
        _known("--accept-licence", asked, {name for _, name in restricted})
        for section, name in restricted:
            if name == asked:
                accepted.setdefault(section, {})[name] = {"accept_licence": True}
    return accepted
