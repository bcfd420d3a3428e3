"""Training beside a plain loop, beside LoRA alone, beside the matrix product: `python benchmarks/train.py`.

A ViT-S/16 (timm's, random weights: speed does not depend on them) with LoRA learns from 1,000 patches of 224 px and 376
reports, two threads, batch 64. The contestants take turns of a few steps, and medians count. The plain loop encodes the
paired report of every image in every step, by a text tower of CONCH's size (12 layers x 768, 127 tokens); what clipit
pays for that once is in `embed.py`. Where clipit's text tower trains, it is one of MiniLM's size (6 layers x 384), the
reports cut at 127 tokens. They are as long as 376 real ones, or those where CLIPIT_REAL_DATA names them.

With a GPU: a ViT-L/16 of UNI's shape besides, in bfloat16.
"""

import copy
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench import Measure, in_fresh_process, peak_megabytes, print_table, write_results
from clipit.artifacts.patch_store import PatchStore
from clipit.config.training import Head
from clipit.encoders.backbone import Backbone
from clipit.encoders.precision import inference
from clipit.models.inference import predict_features
from clipit.models.student import Student
from clipit.runtime.progress import Progress
from clipit.training.head_fit import Labelled, fit_head
from contestants import CONTESTANTS, N_CLASSES, Task
from networks import product_rate, seconds, texts_to_read, write_patches

CORES = 2
PARTS = {"images": "reading, augmenting", "reports": "encoding reports", "student": "student"}
UNI = {"name": "vit_large_patch16_224", "model_args": {"init_values": 1e-5, "dynamic_img_size": True}}


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    task: Task = field(default_factory=Task)
    rounds: int = 3
    product: int = 4096
    seen: int = 192  # images of the epoch through the backbone, which is then reckoned for all
    single: int = 32  # images that are embedded one at a time
    epochs: int = 200  # of the probe
    compiled: bool = True
    gpu_batches: Sequence[int] = (64, 256)


@dataclass(frozen=True)
class Times:
    """What a race leaves: median seconds of a step and of its parts by contestant, and the machine's FLOP/s."""

    medians: dict[str, dict[str, float]]
    product: float

    def __getitem__(self, name: str) -> float:
        return self.medians[name]["step"]


def race(contestants: dict[str, Any], scale: Scale, what: str) -> Times:
    """Lets the contestants take turns, and the matrix product with them."""
    taken: dict[str, dict[str, list[float]]] = {name: {} for name in contestants}
    products = []
    with Progress(what, scale.rounds * len(contestants), "turns") as progress:
        for _ in range(scale.rounds):
            for name, contestant in contestants.items():
                for part, values in contestant.turn().items():
                    taken[name].setdefault(part, []).extend(values)
                progress.advance()
            products.append(product_rate(scale.product, scale.task.dtype, scale.task.device))
    medians = {name: {part: median(values) for part, values in parts.items()} for name, parts in taken.items()}
    return Times(medians, max(products))


def training_measures(folder: Path, scale: Scale) -> list[Measure]:
    """clipit beside the plain loop and beside `lora_only`, and what of the processor it uses."""
    task = scale.task
    plain = ["plain loop, fp32", *(["plain loop, bf16"] if task.precision == "bf16" else [])]
    ours = ["clipit", "lora_only", "clipit, text trains", "lora_only, upstream"]
    contestants = {name: CONTESTANTS[name](folder, task) for name in (*ours, *plain)}
    times = race(contestants, scale, "train")
    student = contestants["clipit"].student
    flop = task.batch * flop_an_image(student, task.size)
    what = f"clipit, {task.precision}, text frozen"
    trained = f"clipit, {task.precision}, text trains (upstream)"
    rate = 1 / times["clipit"]
    return [
        Measure(f"{what}: beside the {plain[0]}", rate, "steps/s", 1 / times[plain[0]], 2.5, lower_is_better=False),
        *(Measure(f"{what}: beside the {name}", rate, "steps/s", 1 / times[name]) for name in plain[1:]),
        *(Measure(f"{plain[0]}: {part}", times.medians[plain[0]][name], "s a step") for name, part in PARTS.items()),
        Measure(f"{what}: beside lora_only", times["clipit"], "s a step", times["lora_only"], 1.15),
        Measure(f"{trained}: beside lora_only", times[ours[2]], "s a step", times[ours[3]], 1.6),
        utilisation(f"{what}: step", flop / times["clipit"], times, task),
        *layout_measures(student, scale),
    ]


def utilisation(what: str, rate: float, times: Times, task: Task) -> Measure:
    """FLOP/s beside those of the matrix product."""
    return Measure(f"{what}, beside the {task.precision} matrix product", rate / 1e9, "GFLOP/s", times.product / 1e9)


def flop_an_image(student: nn.Module, size: int, *, backward: bool = True) -> float:
    """Multiplications and additions of a training step (or of the forward pass alone) as they are really done."""
    student = unfused(student).float().cpu()
    with FlopCounterMode(display=False) as counter:
        output = student(torch.zeros(2, 3, size, size))
        if backward:
            (output.logits.sum() + output.t_hat.sum()).backward()
    return counter.get_total_flops() / 2


def unfused(module: nn.Module) -> nn.Module:
    """A copy whose attention is plain matrix products: what clipit trains with on CPUs, and what can be counted."""
    module = copy.deepcopy(module)
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False  # type: ignore[assignment]
    return module


def layout_measures(student: Student, scale: Scale) -> list[Measure]:
    """The bare step, forward and backward, by the layout of memory and compiled."""
    task, plain = scale.task, unfused(student)
    images = torch.randn(task.batch, 3, task.size, task.size)
    turns: dict[str, Callable[[], None]] = {
        "contiguous": bare_step(plain, images, torch.contiguous_format, task),
        "channels-last": bare_step(plain, images, torch.channels_last, task),
    }
    if scale.compiled:
        turns["compiled"] = bare_step(torch.compile(plain), images, torch.channels_last, task)
    taken: dict[str, list[float]] = {}
    with Progress("bare steps", (scale.rounds + 1) * len(turns), "steps") as progress:
        for _ in range(scale.rounds + 1):  # the first of each is not counted
            for name, turn in turns.items():
                taken.setdefault(name, []).append(seconds(turn, task.device))
                progress.advance()
    best = {name: min(values[1:]) for name, values in taken.items()}
    others = [("channels-last", "contiguous"), ("compiled", "channels-last")]
    return [
        Measure(f"bare step, {name}: beside {other}", best[name], "s", best[other])
        for name, other in others
        if name in best
    ]


def bare_step(student: Any, images: torch.Tensor, layout: torch.memory_format, task: Task) -> Callable[[], None]:
    """A function that computes the gradients of one batch."""

    def step() -> None:
        student.to(memory_format=layout)
        with torch.autocast("cpu", torch.bfloat16, enabled=task.precision == "bf16"):
            output = student(images.contiguous(memory_format=layout))
        (output.logits.float().sum() + output.t_hat.float().sum()).backward()

    return step


def probe_measures(folder: Path, scale: Scale) -> list[Measure]:
    """Epochs/s of the probe from cached features, beside epochs through the frozen backbone."""
    task, backbone = scale.task, scale.task.open_backbone()
    labels = np.arange(task.images) % N_CLASSES
    rng = np.random.default_rng(0)
    cached = Labelled.of(rng.normal(size=(task.images, backbone.d)).astype(np.float32), labels)
    settings = Head(epochs=scale.epochs).model_dump()

    def make_head() -> nn.Linear:
        return nn.Linear(backbone.d, N_CLASSES)

    taken = seconds(lambda: fit_head(make_head, cached, cached, what="probe", settings=settings, seed=0))
    through = min(seconds(lambda: backbone_epoch(folder, backbone, scale), task.device) for _ in range(2))
    through *= task.images / scale.seen
    what = f"probe, cached features, {task.images:,} images: beside through the backbone"
    return [Measure(what, scale.epochs / taken, "epochs/s", 1 / through, 50, lower_is_better=False)]


def backbone_epoch(folder: Path, backbone: Backbone, scale: Scale) -> None:
    """The head's steps on some images, each through the frozen backbone first."""
    device, batch = scale.task.device, scale.task.batch
    store, head = PatchStore(folder / "patches.zarr"), nn.Linear(backbone.d, N_CLASSES).to(device)
    optimiser = torch.optim.AdamW(head.parameters())
    module = backbone.module.to(device)
    for rows in batches(scale.seen, batch):
        images = torch.from_numpy(store.batch(rows)).to(device)
        with inference(device, "auto"):
            features = module(backbone.transform(images)).float()
        loss = F.cross_entropy(head(features), torch.from_numpy(rows % N_CLASSES).to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def batches(n: int, batch: int) -> Iterator[np.ndarray]:
    """Rows 0 to `n`, `batch` at a time."""
    for start in range(0, n, batch):
        yield np.arange(start, min(start + batch, n))


def memory_measures(folder: Path, scale: Scale) -> list[Measure]:
    """Peak memory of each contestant, each in a process of its own."""
    task = replace(scale.task, steps=1)
    names = ["clipit", "lora_only", "clipit, text trains", "plain loop, fp32"]
    rows = []
    with Progress("memory", len(names), "processes") as progress:
        for name in names:
            rows.append(Measure(f"{name}: peak memory", in_fresh_process(peak_of, name, folder, task), "MB"))
            progress.advance()
    return rows


def peak_of(name: str, folder: Path, task: Task) -> float:
    """MB that this process held at most, after a contestant's turn."""
    torch.set_num_threads(CORES)
    CONTESTANTS[name](folder, task).turn()
    return peak_megabytes()


def large_measures(folder: Path, scale: Scale) -> list[Measure]:
    """Embedding, training and probe of a large backbone on a GPU, beside the plain loops in the same precision."""
    task = scale.task
    what = f"{task.backbone['name']}, batch {task.batch}, {task.precision}"
    plain = f"plain loop, {task.precision}"
    contestants = {name: CONTESTANTS[name](folder, task) for name in ("clipit", plain)}
    times = race(contestants, scale, what)
    trained = task.batch / times["clipit"]
    flop = flop_an_image(contestants["clipit"].student, task.size)
    backbone = task.open_backbone()
    forward = flop_an_image(backbone.module, task.size, backward=False)
    embedded, single = embedding_rates(folder, backbone, scale)
    return [
        Measure(f"{what}: embedding, beside one at a time", embedded, "images/s", single, lower_is_better=False),
        utilisation(f"{what}: embedding", embedded * forward, times, task),
        Measure(f"{what}: clipit, beside the plain loop", trained, "images/s", task.batch / times[plain],
                lower_is_better=False),
        utilisation(f"{what}: clipit", trained * flop, times, task),
        *(replace(row, metric=f"{what}: {row.metric}", target=None) for row in probe_measures(folder, scale)),
    ]  # fmt: skip


def embedding_rates(folder: Path, backbone: Backbone, scale: Scale) -> tuple[float, float]:
    """Images/s of clipit's batches, and of one PIL image at a time."""
    task, store = scale.task, PatchStore(folder / "patches.zarr")
    where: dict[str, Any] = {"batch": task.batch, "device": task.device, "precision": "auto"}
    rows = np.arange(task.images)
    best = min(
        seconds(lambda: predict_features(backbone.module, backbone.transform, store, rows, **where))
        for _ in range(scale.rounds + 1)
    )

    def one_at_a_time() -> None:
        with inference(task.device, "auto"):
            for row in range(scale.single):
                pixels = np.array(Image.fromarray(store.batch([row])[0]))
                backbone.module(backbone.transform(torch.from_numpy(pixels)[None].to(task.device))).float().cpu()

    return task.images / best, scale.single / min(seconds(one_at_a_time) for _ in range(2))


def gpu_measures(folder: Path, scale: Scale) -> list[Measure]:
    """The large backbone by each size of batch that the GPU has room for."""
    rows = []
    for batch in scale.gpu_batches:
        task = replace(scale.task, backbone=UNI, batch=batch, steps=10, device="cuda")
        try:
            rows += large_measures(folder, replace(scale, task=task, product=8192, seen=task.images, single=128))
        except torch.OutOfMemoryError:
            print(f"{UNI['name']}, batch {batch}: more than this GPU's memory, left out", file=sys.stderr)
        torch.cuda.empty_cache()
    return rows


def measure_all(folder: Path, scale: Scale) -> list[Measure]:
    """Everything, in files under `folder`."""
    write_patches(folder, scale.task.images, scale.task.size)
    rows = training_measures(folder, scale) + probe_measures(folder, scale) + memory_measures(folder, scale)
    return rows + (gpu_measures(folder, scale) if torch.cuda.is_available() else [])


def main() -> int:
    """Measures in a temporary folder and reports."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    torch.set_num_threads(CORES)
    scale = Scale()
    with tempfile.TemporaryDirectory(prefix="clipit-train-") as folder:
        rows = measure_all(Path(folder), scale)
    texts, what = texts_to_read(scale.task.reports)
    print_table(f"Training by {CORES} threads, batch {scale.task.batch}, {len(texts)} {what}", rows)
    print(f"Written: {write_results('train', rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
