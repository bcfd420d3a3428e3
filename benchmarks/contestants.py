"""The trainings that `train.py` times: clipit's own, and a plain loop in the way of the released code."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchvision import transforms

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.report_vectors import ReportVectors
from clipit.config.training import Training
from clipit.encoders.aligned import AlignedClip
from clipit.encoders.backbone import Backbone, load_backbone
from clipit.encoders.precision import Precision, resolve_precision
from clipit.encoders.retriever import truncate
from clipit.encoders.text_tower import words_text_tower
from clipit.models.stored_images import StoredImages
from clipit.models.student import Student
from clipit.training.fit import Fit, fit_student
from clipit.training.protocol import PROTOCOLS
from clipit.training.student_data import StudentData
from clipit.training.student_start import start_student
from clipit.training.student_training import StudentTraining
from clipit.training.targets import Mixture
from clipit.training.text_targets import TextTargets
from networks import texts_to_read, wait

D_TXT, N_CLASSES = 512, 4
LORA = {"r": 16, "alpha": 8, "dropout": 0.0}  # the released script's
VAL = 4  # patches of the validations that frame a training, beside the steps that are timed

Seconds = Mapping[str, list[float]]
"""Of steps, whole ("step") and by their parts."""


@dataclass(frozen=True)
class Tower:
    """The shape of a text tower."""

    layers: int
    width: int
    heads: int


@dataclass(frozen=True)
class Task:
    """What is trained, on how much, where. A turn is `steps` timed steps after one that is not."""

    backbone: Mapping[str, Any] = field(default_factory=lambda: {"name": "vit_small_patch16_224"})
    size: int = 224
    images: int = 1_000
    reports: int = 376
    batch: int = 64
    steps: int = 2
    device: str = "cpu"
    frozen_text: Tower = Tower(12, 768, 12)
    trained_text: Tower = Tower(6, 384, 12)
    context: int = 127

    @property
    def precision(self) -> Precision:
        """bfloat16 where the device gains by it."""
        return resolve_precision("auto", self.device)

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def open_backbone(self) -> Backbone:
        return load_backbone(**self.backbone, image_size=self.size, pretrained=False)

    def report_of(self) -> np.ndarray:
        """The report that each image is paired with, at random: CLIP prefers some, so its batches hold fewer."""
        paired: np.ndarray = np.random.default_rng(0).integers(self.reports, size=self.images)
        return paired


class Ours:
    """A training of clipit, by Lightning, from patch store to optimiser step.

    Args:
        folder: holds patches.zarr.
        task: what is trained.
        distils: `clipit`; otherwise `lora_only`.
        protocol: the text tower trains in `upstream`, and in `corrected` the targets are cached.
    """

    def __init__(self, folder: Path, task: Task, *, distils: bool, protocol: str) -> None:
        self.task = task
        text_trains = distils and protocol == "upstream"
        self.settings = _settings(task, protocol, "late" if distils else "vision")
        self.settings["text_lora"] = LORA if text_trains else None
        backbone = task.open_backbone()
        self.transform = backbone.transform
        self.student = _start(backbone, self.settings)
        self.data = _data(folder, task, _text_targets(task) if text_trains else None, distils=distils)

    def turn(self) -> Seconds:
        """Trains for some steps."""
        training = _Timed(self.student, self.transform, self.data, self.settings, 0)
        fit = Fit(device=self.task.device, precision=self.settings["precision"])
        fit_student(training, fit, None)
        first, last = training.ends
        return {"step": [(last - first) / self.task.steps]}


class _Timed(StudentTraining):
    """Notes when its first step ended and when its last did; between them no GPU is waited for."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        if self.global_step in (1, self.data.steps):
            wait(str(self.device))
            self.ends.append(time.perf_counter())


class Plain:
    """The released code's way: every image goes through torchvision's transforms, its report through the text tower.

    The report of every image of a batch is encoded in every step. In its favour: without gradients, and cut into tokens
    beforehand.
    """

    def __init__(self, folder: Path, task: Task, precision: Precision) -> None:
        self.task, self.precision = task, precision
        backbone = task.open_backbone()
        self.student = _start(backbone, _settings(task, "corrected", "late"))
        self.store = PatchStore(folder / "patches.zarr")
        self.own = transforms.Compose(
            [
                transforms.RandomHorizontalFlip(),
                transforms.RandomVerticalFlip(),
                transforms.ColorJitter(0.5, 0.5, 0.5, 0.05),
                transforms.ToTensor(),
                transforms.Normalize(backbone.transform.mean, backbone.transform.std),
            ]
        )
        self.retriever, self.tokens = _retriever(task, task.frozen_text)
        self.paired = task.report_of()

    def turn(self) -> Seconds:
        """Trains for some steps."""
        device, rng = self.task.device, np.random.default_rng(0)
        self.student.train().to(device)
        self.retriever.to(device)
        optimiser = torch.optim.Adam(self._weights(), lr=1e-3, weight_decay=1e-4)
        chosen = [rng.choice(self.task.images, self.task.batch, replace=False) for _ in range(self.task.steps + 1)]
        steps = [self._step(rows, optimiser) for rows in chosen]
        return {part: [step[part] for step in steps[1:]] for part in steps[0]}

    def _step(self, rows: np.ndarray, optimiser: torch.optim.Optimizer) -> dict[str, float]:
        """Seconds of one step and of its parts."""
        marks = [self._now()]
        with torch.autocast(torch.device(self.task.device).type, torch.bfloat16, enabled=self.precision == "bf16"):
            images = self._images(rows)
            marks.append(self._now())
            targets = self._targets(rows)
            marks.append(self._now())
            loss = self._loss(rows, images, targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights(), 0.5)
        optimiser.step()
        marks.append(self._now())
        return {
            **dict(zip(("images", "reports", "student"), np.diff(marks), strict=True)),
            "step": marks[-1] - marks[0],
        }

    def _now(self) -> float:
        wait(self.task.device)
        return time.perf_counter()

    def _images(self, rows: np.ndarray) -> Tensor:
        images = [self.own(Image.fromarray(self.store.batch([row])[0])) for row in rows]
        return torch.stack(images).to(self.task.device)

    def _targets(self, rows: np.ndarray) -> Tensor:
        with torch.no_grad():
            return self.retriever.encode_texts([self.tokens[i] for i in self.paired[rows]])

    def _loss(self, rows: np.ndarray, images: Tensor, targets: Tensor) -> Tensor:
        output = self.student(images)
        labels = torch.from_numpy(rows % N_CLASSES).to(images.device)
        distilled: Tensor = 1 - F.cosine_similarity(output.t_hat.float(), targets, dim=-1)
        return F.cross_entropy(output.logits.float(), labels) + distilled.mean()

    def _weights(self) -> list[torch.nn.Parameter]:
        return [weight for weight in self.student.parameters() if weight.requires_grad]


CONTESTANTS: dict[str, Callable[[Path, Task], Ours | Plain]] = {
    "clipit": lambda folder, task: Ours(folder, task, distils=True, protocol="corrected"),
    "lora_only": lambda folder, task: Ours(folder, task, distils=False, protocol="corrected"),
    "clipit, text trains": lambda folder, task: Ours(folder, task, distils=True, protocol="upstream"),
    "lora_only, upstream": lambda folder, task: Ours(folder, task, distils=False, protocol="upstream"),
    "plain loop, fp32": lambda folder, task: Plain(folder, task, "fp32"),
    "plain loop, bf16": lambda folder, task: Plain(folder, task, "bf16"),
}


def _settings(task: Task, protocol: str, form: str) -> dict[str, Any]:
    """What `train_student` takes."""
    given = {
        "protocol": protocol,
        "batch": task.batch,
        "steps": task.steps + 1,
        "augment": "flips_colour",
        "validations": 1,
        "precision": task.precision,
    }
    variant = {"form": form, "lora": LORA, "rank": None, "unlabelled": False, "pseudo_labels": False}
    return Training.model_validate(given).model_dump(by_alias=True) | variant


def _start(backbone: Backbone, settings: Mapping[str, Any]) -> Student:
    nothing = {"probe": None, "teacher": None, "prompts": None, "projection": None}
    protocol = PROTOCOLS[settings["protocol"]]
    return start_student(backbone, settings, protocol, n_classes=N_CLASSES, d_txt=D_TXT, **nothing, seed=0)


def _data(folder: Path, task: Task, text_targets: TextTargets | None, *, distils: bool) -> StudentData:
    rows = np.arange(task.images)
    vectors = torch.randn(task.reports, D_TXT, generator=torch.Generator().manual_seed(0))
    targets = F.normalize(vectors, dim=-1)[torch.from_numpy(task.report_of())]
    train, val = torch.from_numpy(rows).split([task.images - VAL, VAL])
    return StudentData(
        images=StoredImages(PatchStore(folder / "patches.zarr"), rows),
        features=None,
        labels=torch.from_numpy(rows % N_CLASSES),
        pseudo=None,
        targets=targets if distils else None,
        mean_target=None,
        text_targets=text_targets,
        train=train,
        unlabelled=train[:0],
        val=val,
        steps=task.steps + 1,
    )


def _text_targets(task: Task) -> TextTargets:
    retriever, tokens = _retriever(task, task.trained_text)
    n, nowhere = task.reports, None
    names = np.array([f"r{i}" for i in range(n)], dtype=object)
    patches, paired = [f"p{i}" for i in range(task.images)], task.report_of()
    unread, first = np.zeros((n, D_TXT), np.float32), np.arange(n + 1)
    reports = ReportVectors(nowhere, names, unread, first, first[:-1], "mean")  # type: ignore[arg-type]
    weight = np.ones(task.images, np.float32)
    mixture = Mixture(patches, np.arange(task.images), paired, paired, weight, nowhere)  # type: ignore[arg-type]
    return TextTargets(retriever, tokens, reports, mixture, patches, lora=LORA, everything=True, seed=0)


def _retriever(task: Task, tower: Tower) -> tuple[AlignedClip, list[list[int]]]:
    """A frozen CLIP with this text tower, beside an image tower that nobody asks, and the reports' tokens."""
    texts, _ = texts_to_read(task.reports)
    shape = {"layers": tower.layers, "width": tower.width, "heads": tower.heads}
    text = words_text_tower(texts, **shape, context_length=task.context, seed=0)
    retriever = AlignedClip(load_backbone("test_vit", pretrained=False), text, D_TXT).eval().requires_grad_(False)
    return retriever, [truncate(ids, task.context) for ids in retriever.tokenize(texts)]
