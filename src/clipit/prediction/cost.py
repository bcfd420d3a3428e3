"""What a student costs in use, beside its plain backbone and beside the CLIP that chose its reports."""

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import write_json
from clipit.encoders.class_prompts import class_prompts
from clipit.encoders.retriever import Retriever, load_retriever, truncate
from clipit.models.heads import Vision
from clipit.models.student import Student
from clipit.models.student_file import load_student
from clipit.prediction.in_turns import SECONDS, Work, flops, in_turns

BATCHES = (1, 64)
"""Patches at a time."""


@dataclass(frozen=True)
class Model:
    """A classifier, or a part of one.

    Attributes:
        parameters: how many it has.
        forward: float32 (B, 3, size, size) on the device to whatever it says of them.
        size: side of its input, pixels.
    """

    parameters: int
    forward: Callable[[Tensor], object]
    size: int

    def on(self, batch: int, device: str) -> Work:
        """Its forward pass on `batch` images of noise."""
        images = torch.rand(batch, 3, self.size, self.size, device=device)
        images = images.contiguous(memory_format=torch.channels_last)
        return lambda: self.forward(images)


def measure_cost(
    run: str | Path,
    out: str | Path,
    *,
    retriever: Mapping[str, Any],
    device: str,
    threads: int,
    seconds: float = SECONDS,
    origin: Origin,
) -> None:
    """Measures the student of `run`, its plain backbone and the retriever in turns; writes `out`, JSON.

    `models` there are "plain", "student", "image_tower" and "zeroshot" in this order, each with its `parameters`, the
    `flops` of one patch, and for each of `BATCHES` a `latency`: {"batch", "ms", "ratio", "low", "high", "rounds"}, the
    ratio being to "plain" in the same rounds. A batch that does not fit into a GPU is not there.

    Args:
        run: folder of a student.
        out: the file; a measurement, so that equal inputs do not give equal bytes.
        retriever: what `load_retriever` takes.
        device: `cpu` or `cuda`.
        threads: torch threads.
        seconds: of timing a batch size, where that is enough for the fewest rounds.
        origin: who asks.

    Raises:
        UserError: there is no student, or the retriever cannot be loaded.
    """
    torch.set_num_threads(threads)
    loaded = load_student(run)
    models = contestants(loaded.student, loaded.transform.size, len(loaded.classes), device)
    clip = load_retriever(**retriever).to(device)
    models |= clip_models(clip, loaded.classes)
    timed = [(batch, _timed(models, batch, device, seconds)) for batch in BATCHES]
    content = {
        "device": device,
        "processor": _processor(device),
        "threads": threads,
        "precision": "fp32",
        "classes": len(loaded.classes),
        "models": [
            {
                "name": name,
                "size": model.size,
                "parameters": model.parameters,
                "flops": flops(model.on(1, device)),
                "latency": [{"batch": batch, **found[name]} for batch, found in timed if found],
            }
            for name, model in models.items()
        ],
    }
    lineage = {"retriever": clip.digest}
    write_json(out, content, origin.provenance(lineage=lineage, inputs={"student": Path(run) / "student.json"}))


def contestants(student: Student, size: int, n_classes: int, device: str) -> dict[str, Model]:
    """{"plain", "student"}: the student's own backbone with one linear layer, and the student."""
    head: Any = student.head
    plain = Student(student.backbone, Vision(head.sizes["d_img"], n_classes))
    return {name: _model(module, size, device) for name, module in (("plain", plain), ("student", student))}


def clip_models(retriever: Retriever, classes: Iterable[str]) -> dict[str, Model]:
    """{"image_tower", "zeroshot"}: a retriever's image tower into the shared space, and with its text tower over the
    `classes`, which are embedded anew at every call; a cosine with each follows.
    """
    tokens = [truncate(ids, retriever.context_length) for ids in retriever.tokenize(class_prompts(classes))]
    size, tower, projection = retriever.transform.size, retriever.image_backbone().module, retriever.into_shared_space()
    of_tower = _count(tower.parameters()) + (_count(projection.parameters()) if projection else 0)

    def zeroshot(images: Tensor) -> Tensor:
        return retriever.encode_images(images) @ retriever.encode_texts(tokens).T

    return {
        "image_tower": Model(of_tower, retriever.encode_images, size),
        "zeroshot": Model(_count(retriever.parameters()), zeroshot, size),
    }


def _model(module: nn.Module, size: int, device: str) -> Model:
    module.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Model(_count(module.parameters()), module, size)


def _count(parameters: Iterable[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def _timed(models: Mapping[str, Model], batch: int, device: str, seconds: float) -> dict[str, dict[str, Any]]:
    try:
        found = in_turns({name: model.on(batch, device) for name, model in models.items()}, device, seconds=seconds)
    except torch.OutOfMemoryError:
        return {}
    return {
        name: {"ms": ms, "ratio": ratio.value, "low": ratio.low, "high": ratio.high, "rounds": rounds}
        for name, (ms, ratio, rounds) in found.items()
    }


def _processor(device: str) -> str:
    """What computes, by its maker's name."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
