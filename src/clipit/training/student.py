"""Trains a student: LoRA on the backbone, fusion, distillation of the targets (docs/architecture.md, "The method")."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from clipit.artifacts.atomic import write_text
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin, check_lineage
from clipit.artifacts.report_vectors import read_report_vectors
from clipit.artifacts.schemas import report_embeddings as report_schema
from clipit.artifacts.tables import Stored, read_json, read_table
from clipit.encoders.backbone import Backbone
from clipit.models.heads import DirectDistillation
from clipit.models.inference import predict_features, predict_probabilities
from clipit.models.lora import merge_lora, save_lora
from clipit.models.student import Student
from clipit.models.student_file import load_student, save_student
from clipit.models.tensor_file import StoredTensors, read_tensors
from clipit.training.backbones import open_backbone
from clipit.training.checkpoints import resumable
from clipit.training.diagnostics import diagnose
from clipit.training.examples import Examples, read_examples, resolution
from clipit.training.fit import Fit, fit_student
from clipit.training.label_fraction import keep_labels
from clipit.training.predictions import evaluated, write_predictions
from clipit.training.protocol import PROTOCOLS
from clipit.training.replicas import train_in_replicas
from clipit.training.student_data import (
    Selection,
    StudentData,
    read_features,
    select,
    student_data,
    with_present_targets,
)
from clipit.training.student_start import adapters_of, start_student, teacher_head
from clipit.training.student_training import StudentTraining
from clipit.training.targets import Targets, read_mixture, read_targets
from clipit.training.text_targets import TextTargets, read_tokens

HISTORY = (
    "step", "train_loss", "train_ce", "train_kd", "train_pseudo_ce", "val_loss", "val_ce", "val_balanced_accuracy",
    "val_auroc", "skill",
)  # fmt: skip
_TARGETS = ("pairs", "report_embeddings", "image_embeddings", "class_prompts")

Files = Mapping[str, Path | Sequence[Path]]


def train_student(
    store: Path,
    files: Files,
    *,
    out: Path,
    backbone: Mapping[str, Any],
    retriever: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any],
    labels: float = 1.0,
    fit: Fit,
    threads: int,
    origin: Origin,
) -> None:
    """Trains, exports, reloads the export, and predicts with it.

    Writes into `out`: `history.csv` (a row a validation), `student.safetensors`, `student.json`,
    `predictions.parquet` (labelled val and test patches), and `adapter/` where the backbone is adapted.

    Args:
        store: the patch store.
        files: by name. Always `patches`, `splits`, `labels`. `probe` on the same backbone: h_v starts from it. Of what
            distils, what `read_targets` takes, and `teacher` on the same targets. `features` of the backbone, where it
            stays frozen. `labeller`: student.json of the student whose predictions are pseudo-labels. `reports`, where
            the text tower trains, with `retriever`. `prompts`: embedded names of the classes, for `contrastive`.
        out: folder of the run.
        backbone: what `open_backbone` takes.
        retriever: what `load_retriever` takes: where the text tower trains.
        settings: `protocol`, `form`, `lora` (None: the backbone stays frozen), `text_lora`, `steps` or `epochs`,
            `batch`, `lr`, `weight_decay`, `clip` (gradient norm), `optimiser`, `schedule`, `augment`, `lambda`,
            `kd_target`, `rank`, `unlabelled`, `pseudo_labels`, `validations`, `monitor`, `patience`, `delta`,
            `precision`: as `config.training` and `config.variants` have them; what a variant does not read is absent.
        labels: share of the labels that is known.
        fit: where and how it is computed.
        threads: torch threads.
        origin: who asks; its seed is the source of all randomness.

    Raises:
        UserError: the inputs do not belong together, leave a class without train labels, no val labels, or no
            unlabelled patches to a variant that learns from such; the batch does not divide among the processes; or
            the loss is no number.
    """
    if fit.processes > 1 and fit.rank is None:
        train_in_replicas(
            {
                "store": store,
                "files": files,
                "out": out,
                "backbone": backbone,
                "retriever": retriever,
                "settings": settings,
                "labels": labels,
                "fit": fit,
                "threads": threads,
                "origin": origin,
            }
        )
        return
    torch.set_num_threads(threads)
    seed = origin.seed or 0
    torch.manual_seed(seed)
    read = _read(files, backbone, settings, labels, seed)
    examples, target = read.examples, read.target
    provenance = origin.provenance(lineage=read.lineage, inputs=_inputs(files))

    patch_store = PatchStore(store)
    chosen = select(examples, unlabelled=settings["unlabelled"])
    student = start_student(
        read.backbone,
        settings,
        PROTOCOLS[settings["protocol"]],
        n_classes=len(examples.classes),
        d_txt=None if target is None else target.matrix.shape[1],
        probe=read.start.get("probe"),
        teacher=read.start.get("teacher"),
        prompts=read.prompts,
        projection=read.projection,
        seed=seed,
    )
    distilled = target if "kd_target" in settings else None  # else its size was all that was asked
    data = student_data(
        examples,
        chosen,
        settings,
        store=patch_store,
        features=read_features(_path(files, "features"), examples) if settings["lora"] is None else None,
        target=distilled,
        text_targets=_text_targets(files, retriever, settings, examples.patch_id[chosen.all], seed),
        pseudo=_pseudo_labels(files, examples, chosen, patch_store, fit.own_device),
    )
    training = StudentTraining(student, read.backbone.transform, data, settings, seed)
    with resumable(fit.checkpoints, provenance, first=fit.is_first) as checkpoint:
        fit_student(training, fit, checkpoint)
        if fit.is_first:
            _write_history(out / "history.csv", training.history)
            _export(student, out, read.backbone, examples, data, read.start, patch_store, fit, provenance)


@dataclass(frozen=True)
class _Read:
    """What a training starts from; all of it belongs together.

    Attributes:
        examples: the patches with the labels that are known.
        target: what is distilled, if anything is.
        start: weights that heads start from, by the file's name.
        prompts: embedded names of the classes, for `contrastive`.
        backbone: as it is before training.
        projection: from its features to a CLIP's space, if it is a CLIP's image tower.
        lineage: digests of all that it was made from.
    """

    examples: Examples
    target: Targets | None
    start: Mapping[str, StoredTensors]
    prompts: Stored | None
    backbone: Backbone
    projection: nn.Linear | None
    lineage: Mapping[str, str]


def _read(files: Files, backbone: Mapping[str, Any], settings: Mapping[str, Any], labels: float, seed: int) -> _Read:
    examples = keep_labels(
        read_examples(*(_path(files, name) for name in ("patches", "splits", "labels"))), labels, seed
    )
    target = _targets(files, settings, examples)
    start = {name: read_tensors(_path(files, name)) for name in ("probe", "teacher") if name in files}
    prompts = read_table(_path(files, "prompts"), report_schema.schema()) if "prompts" in files else None
    opened, projection = open_backbone(backbone)
    tables = [*examples.stored, *(target.stored if target else ()), *([prompts] if prompts else ())]
    lineage = check_lineage(
        *((str(table.path), table.lineage) for table in tables),
        *((str(tensors.path), tensors.lineage) for tensors in start.values()),
        *((str(path), read_json(path)["provenance"]["lineage"]) for path in _labeller(files)),
        (f"backbone {backbone}", {"backbone": opened.digest}),
    )
    return _Read(examples, target, start, prompts, opened, projection, lineage)


def _export(
    student: Student,
    out: Path,
    opened: Backbone,
    examples: Examples,
    data: StudentData,
    start: Mapping[str, Any],
    store: PatchStore,
    fit: Fit,
    provenance: Mapping[str, Any],
) -> None:
    """Writes the merged student, what its parts contribute, and what it says when it is loaded again."""
    adapters = adapters_of(student)
    for name, part in adapters.items():
        save_lora(part, out / "adapter" / ("" if name == "backbone" else name), provenance)
    if "backbone" in adapters:
        student.backbone = merge_lora(adapters["backbone"])
    if "h_v" in adapters:
        student.head.h_v = merge_lora(adapters["h_v"]).layer
    val = examples.labelled("val")
    predicted: dict[str, Any] = {"batch": 2 * fit.batch, "device": fit.own_device}
    if data.features is not None:
        features = data.features[data.val].numpy()
    else:
        features = predict_features(student.backbone, opened.transform, store, examples.row[val], **predicted)
    present = with_present_targets(data, fit.own_device)
    diagnostics = diagnose(
        student.cpu().head,
        features,
        examples.label[val],
        None if present.targets is None else present.targets[data.val],
        present.mean_target,
        teacher_head(start["teacher"]) if "teacher" in start else None,
        None if data.targets is None else data.targets[data.val],
    )
    if isinstance(student.head, DirectDistillation):
        student.head = student.head.exported()
    facts = {
        "diagnostics": {"val": diagnostics},
        "train_labels": len(data.train),
        "patches": {"size": store.size, "mpp": resolution(examples)},
    }
    save_student(
        out,
        student,
        classes=examples.classes,
        transform=opened.transform,
        backbone_spec=opened.spec,
        provenance=provenance,
        facts=facts,
    )
    exported = load_student(out)
    rows = examples.row[evaluated(examples)]
    probabilities = predict_probabilities(exported.student, exported.transform, store, rows, **predicted)
    write_predictions(out / "predictions.parquet", examples, probabilities, provenance, facts=facts)


def _targets(files: Files, settings: Mapping[str, Any], examples: Examples) -> Targets | None:
    given = {name: files[name] for name in _TARGETS if name in files}
    if not given:
        return None
    target = read_targets(given, settings["rank"])
    centred = settings.get("kd_target") == "centred"
    return target.centred(examples.patch_id[examples.split == "train"]) if centred else target


def _text_targets(
    files: Files, retriever: Mapping[str, Any] | None, settings: Mapping[str, Any], patch_id: np.ndarray, seed: int
) -> TextTargets | None:
    """The text tower with its adapters, where it trains with the student."""
    if settings["text_lora"] is None or retriever is None:
        return None
    # Imported here: the text libraries that a retriever needs take seconds to import.
    from clipit.encoders.retriever import load_retriever

    loaded, vectors = load_retriever(**retriever), read_report_vectors(_path(files, "report_embeddings"))
    tokens, _ = read_tokens(_path(files, "reports"), vectors, loaded)
    mixture = read_mixture(_path(files, "pairs"), vectors, settings["rank"])
    everything = PROTOCOLS[settings["protocol"]].adapt_everything
    lora = settings["text_lora"]
    return TextTargets(loaded, tokens, vectors, mixture, patch_id, lora=lora, everything=everything, seed=seed)


def _pseudo_labels(
    files: Files, examples: Examples, chosen: Selection, store: PatchStore, device: str
) -> np.ndarray | None:
    """What the labeller says of the chosen patches, int64 (n,)."""
    if not (described := _labeller(files)) or not len(chosen.unlabelled):
        return None
    labeller = load_student(described[0].parent)
    rows = examples.row[chosen.all]
    said = predict_probabilities(
        labeller.student, labeller.transform, store, rows, batch=64, device=device, what="label"
    )
    return said.argmax(axis=1)


def _labeller(files: Files) -> list[Path]:
    """The description of the student whose predictions are pseudo-labels, where there is one."""
    return [_path(files, "labeller")] if "labeller" in files else []


def _path(files: Files, name: str) -> Path:
    path = files[name]
    assert isinstance(path, str | Path)
    return Path(path)


def _inputs(files: Files) -> dict[str, Path]:
    """Every file by a name, for provenance."""
    named = {}
    for name, given in files.items():
        if isinstance(given, str | Path):
            named[name] = Path(given)
        else:
            named |= {f"{name}/{Path(path).name}": Path(path) for path in given}
    return named


def _write_history(path: Path, history: list[dict[str, float]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, HISTORY, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in history)
    write_text(path, text.getvalue())
