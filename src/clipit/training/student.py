"""Trains a student: LoRA on the backbone, late fusion, distillation of the targets (facts, section 1, step 3)."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clipit.artifacts.atomic import write_text
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin, check_lineage
from clipit.encoders.backbone import Backbone
from clipit.models.inference import predict_features, predict_probabilities
from clipit.models.lora import add_lora, merge_lora, save_lora
from clipit.models.stored_images import StoredImages
from clipit.models.student import Student
from clipit.models.student_file import load_student, save_student
from clipit.models.tensor_file import StoredTensors, read_tensors
from clipit.runtime.errors import UserError
from clipit.training.backbones import open_backbone
from clipit.training.diagnostics import diagnose
from clipit.training.examples import Examples, read_examples
from clipit.training.predictions import evaluated, write_predictions
from clipit.training.student_training import StudentData, StudentTraining, fit_student
from clipit.training.targets import Targets, read_targets

HISTORY = ("step", "train_loss", "train_ce", "train_kd", "val_loss", "val_balanced_accuracy", "skill")


def train_student(
    store: Path,
    patches: Path,
    splits: Path,
    labels: Path,
    probe: Path,
    *,
    teacher: Path | None,
    targets: Mapping[str, Path | Sequence[Path]] | None,
    out: Path,
    backbone: Mapping[str, Any],
    settings: Mapping[str, Any],
    device: str,
    threads: int,
    origin: Origin,
) -> None:
    """Trains, exports, reloads the export, and predicts with it.

    Writes into `out`: `adapter/`, `history.csv` (a row a validation),
    `student.safetensors`, `student.json` and `predictions.parquet` (labelled val and test patches).

    Args:
        store: the patch store.
        patches: patches.parquet.
        splits: splits.parquet.
        labels: labels.parquet.
        probe: the probe on the same backbone: h_v starts from it.
        teacher: the teacher on the same targets: h_t starts from it. None, with `targets`: no text branch.
        targets: what `read_targets` takes.
        out: folder of the run.
        backbone: what `open_backbone` takes.
        settings: `lora` (`r`, `alpha`, `dropout`), `steps`, `batch`, `lr`, `weight_decay`, `clip` (gradient norm),
            `lambda`, `augment` (one of the `AUGMENTATIONS`), `precision` of the training ("fp32" or "bf16"),
            `unlabelled` (distil on unlabelled train patches too: each step adds as many as it has labelled ones).
        device: a torch device.
        threads: torch threads.
        origin: who asks; its seed is the source of all randomness.

    Raises:
        UserError: the inputs do not belong together, or leave a class without train labels, no val labels, or
            no unlabelled patches to a variant that learns from such.
    """
    torch.set_num_threads(threads)
    seed = origin.seed or 0
    torch.manual_seed(seed)
    examples = read_examples(patches, splits, labels)
    target = None if targets is None else read_targets(targets)
    start = [read_tensors(path) for path in (probe, teacher) if path is not None]
    opened = open_backbone(backbone)
    lineage = check_lineage(
        *((str(table.path), table.lineage) for table in (*examples.stored, *(target.stored if target else ()))),
        *((str(tensors.path), tensors.lineage) for tensors in start),
        (f"backbone {backbone}", {"backbone": opened.digest}),
    )
    inputs = {"patches": patches, "splits": splits, "labels": labels, "probe": probe}
    inputs |= {"teacher": teacher} if teacher else {}
    inputs |= target.inputs() if target else {}
    provenance = origin.provenance(lineage=lineage, inputs=inputs)

    patch_store = PatchStore(store)
    data = _load(patch_store, examples, target, unlabelled=settings["unlabelled"])
    student = _start(opened, *start)
    adapted = add_lora(opened.module, **settings["lora"], seed=seed)
    student.backbone = adapted
    training = StudentTraining(student, opened.transform, data, settings, seed)
    fit_student(training, device=device, precision=settings["precision"])

    save_lora(adapted, out / "adapter", provenance)
    _write_history(out / "history.csv", training.history)
    student.backbone = merge_lora(adapted)
    features = predict_features(
        student.backbone,
        opened.transform,
        patch_store,
        examples.row[examples.labelled("val")],
        batch=settings["batch"],
        device=device,
    )
    diagnostics = diagnose(
        student.cpu(),
        features,
        examples.label[examples.labelled("val")],
        None if data.targets is None else data.targets[data.val],
        data.mean_target,
        start[1] if teacher else None,
    )
    save_student(
        out,
        student,
        classes=examples.classes,
        transform=opened.transform,
        backbone_spec=opened.spec,
        provenance=provenance,
        facts={"diagnostics": {"val": diagnostics}},
    )
    exported = load_student(out)
    probabilities = predict_probabilities(
        exported.student,
        exported.transform,
        patch_store,
        examples.row[evaluated(examples)],
        batch=settings["batch"],
        device=device,
    )
    write_predictions(out / "predictions.parquet", examples, probabilities, provenance)


def _start(backbone: Backbone, probe: StoredTensors, teacher: StoredTensors | None = None) -> Student:
    """A student whose h_v is the probe and whose h_t is the teacher."""
    n_classes = probe.tensors["bias"].numel()
    text = {"d_txt": teacher.meta["d"], "hidden": teacher.meta["hidden"]} if teacher else {}
    student = Student(backbone.module, d_img=backbone.d, n_classes=n_classes, **text)
    student.h_v.load_state_dict(probe.tensors)
    if teacher:
        student.h_t.load_state_dict(teacher.tensors)
    return student


def _load(store: PatchStore, examples: Examples, target: Targets | None, *, unlabelled: bool) -> StudentData:
    """The patches that a training looks at, and their targets."""
    train, val = examples.labelled("train"), examples.labelled("val")
    extra = examples.unlabelled_train() if unlabelled else train[:0]
    if unlabelled and not len(extra):
        raise UserError(
            "every train patch is labelled, so there is nothing to learn from unlabelled ones: leave out the "
            "unlabelled variants, or set train_labels on the data set"
        )
    chosen = np.concatenate([train, extra, val])
    borders = torch.arange(len(chosen)).split([len(train), len(extra), len(val)])
    mean = None if target is None else target.of(examples.patch_id[examples.split == "train"]).mean(axis=0)
    return StudentData(
        images=StoredImages(store, examples.row[chosen]),
        labels=torch.from_numpy(examples.label[chosen]),
        targets=None if target is None else torch.from_numpy(target.of(examples.patch_id[chosen])),
        mean_target=None if mean is None else torch.from_numpy(mean),
        train=borders[0],
        unlabelled=borders[1],
        val=borders[2],
    )


def _write_history(path: Path, history: list[dict[str, float]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, HISTORY, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in history)
    write_text(path, text.getvalue())
