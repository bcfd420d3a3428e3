"""`clipit predict` beside the bare model: `python benchmarks/predict.py`.

A student on a ViT-S/16 (random weights), 224 px, two threads, float32. From a patch store of 10,000 patches and from
JPEG files of the same size: patches a second, end to end, table written, against the same model on one batch that is in
memory already, the three taking turns. Then peak memory on few and on many files, and on a synthetic slide of 20,000 x
20,000 pixels, each in a process of its own; and the student against its plain backbone, in arithmetic and in time.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from bench import Measure, in_fresh_process, peak_megabytes, print_table, write_results
from clipit.artifacts.provenance import Origin
from clipit.encoders.backbone import load_backbone
from clipit.models.heads import LateFusion
from clipit.models.student import Student
from clipit.models.student_file import load_student, save_student
from clipit.prediction.cost import BATCHES, contestants
from clipit.prediction.in_turns import flops, in_turns
from clipit.prediction.model import load_model
from clipit.prediction.predict import predict
from networks import write_patches

THREADS = 2
CLASSES = ("a", "b", "c", "d", "e")


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    backbone: str = "vit_small_patch16_224"
    size: int = 224
    patches: int = 10_000
    files: int = 1_000
    few: int = 200
    bare: int = 640  # patches of one measurement of the bare model
    rounds: int = 1  # of ten minutes on 2 cores
    side: int = 20_000
    seconds: float = 120  # of timing student and plain backbone, each batch size


def write_student(folder: Path, scale: Scale) -> Path:
    """A student as a run leaves it, heads of the usual sizes."""
    backbone = load_backbone(scale.backbone, image_size=scale.size, pretrained=False)
    student = Student(backbone.module, LateFusion(backbone.d, len(CLASSES), d_txt=512, hidden=512))
    save_student(
        folder,
        student,
        classes=CLASSES,
        transform=backbone.transform,
        backbone_spec=backbone.spec,
        provenance=Origin("bench", seed=0).provenance(),
        facts={"patches": {"size": scale.size, "mpp": 0.5}},
    )
    return folder


def write_files(folder: Path, n: int, size: int) -> Path:
    """`n` JPEG files of noise over a gradient, about as large as histology is."""
    rng, folder = np.random.default_rng(0), folder / f"{n}"
    folder.mkdir(parents=True)
    ramp = np.linspace(90, 220, size)[None, :, None]
    for i in range(n):
        pixels = np.clip(ramp + rng.normal(0, 18, (size, size, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:05d}.jpg", quality=80)
    return folder


def peak_of(model: Path, inputs: Path, out: Path) -> float:
    """Megabytes at the highest of a process that predicts, maps of slides included."""
    loaded = load_model(model, device="cpu", threads=THREADS)
    predict(loaded, [inputs], out, threads=THREADS, maps=out.with_name("maps"))
    return peak_megabytes()


def throughput(folder: Path, model_folder: Path, scale: Scale) -> list[Measure]:
    """Patches a second of both kinds of input, each against the bare model beside it."""
    model = load_model(model_folder, device="cpu", threads=THREADS)
    write_patches(folder / "store", scale.patches, scale.size)
    store = folder / "store" / "patches.zarr"
    files = write_files(folder / "files", scale.files, scale.size)
    batch = np.random.default_rng(1).integers(0, 256, (scale.bare, scale.size, scale.size, 3), np.uint8)

    def bare() -> float:
        starts = range(0, len(batch), model.batch)
        return rate(lambda: [model.probabilities(batch[i : i + model.batch]) for i in starts], len(batch))

    def end_to_end(inputs: Path, n: int) -> float:
        return rate(lambda: predict(model, [inputs], folder / "out.parquet", threads=THREADS), n)

    bare()  # warm
    plain, found = [], {"patch store": [], "JPEG files": []}  # type: ignore[var-annotated]
    for _ in range(scale.rounds):
        plain.append(bare())
        found["patch store"].append(end_to_end(store, scale.patches))
        plain.append(bare())
        found["JPEG files"].append(end_to_end(files, scale.files))
    plain.append(bare())
    return [
        Measure(f"predict, {what}: beside the bare model", median(rates), "patches/s", median(plain), 0.9, False)
        for what, rates in found.items()
    ]


def rate(work: Callable[[], Any], n: int) -> float:
    begin = time.perf_counter()
    work()
    return n / (time.perf_counter() - begin)


def memory(folder: Path, model: Path, scale: Scale) -> list[Measure]:
    """Peaks, each of a process that does nothing else."""
    few = write_files(folder / "some", scale.few, scale.size)
    base = in_fresh_process(peak_of, model, few, folder / "few.parquet")
    many = in_fresh_process(peak_of, model, folder / "files" / f"{scale.files}", folder / "many.parquet")
    slide = folder / "slide.tif"
    in_fresh_process(write_slide, slide, scale.side)
    of_slide = in_fresh_process(peak_of, model, slide, folder / "slide.parquet")
    return [
        Measure(f"peak memory, {scale.files:,} files beside {scale.few}", many, "MB", base, 1.1),
        Measure(f"peak memory, slide of {scale.side:,} x {scale.side:,} px", of_slide, "MB", None, 1500),
    ]


def write_slide(path: Path, side: int) -> None:
    """A synthetic slide of 0.5 microns per pixel."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.slides_factory import write_large_slide

    write_large_slide(path, side, mpp=0.5)


def cost(model: Path, scale: Scale) -> list[Measure]:
    """The student against its backbone with a linear head, which is what it would be without text."""
    torch.set_num_threads(THREADS)
    models = contestants(load_student(model).student, scale.size, len(CLASSES), "cpu")
    counted = {name: flops(one.on(1, "cpu")) / 1e9 for name, one in models.items()}
    what = "student beside its plain backbone"
    measures = [Measure(what, counted["student"], "GFLOPs", counted["plain"], 1.001)]
    for batch in BATCHES:
        timed = in_turns({name: one.on(batch, "cpu") for name, one in models.items()}, "cpu", seconds=scale.seconds)
        plain, (low, high) = timed["plain"].ms, timed["student"].ratio[1:]
        # By the ratio of the pairs: what else the machine did met both of a pair.
        ours = plain * timed["student"].ratio.value
        measures.append(Measure(f"{what}, batch {batch}", ours, "ms", plain, 1.03))
        measures += [
            Measure(f"{what}, batch {batch}, {end} end of the 95% interval", plain * ratio, "ms", plain)
            for end, ratio in (("lower", low), ("upper", high))
        ]
    return measures


def measure(folder: Path, scale: Scale) -> list[Measure]:
    """All of it."""
    model = write_student(folder / "run", scale)
    return [*throughput(folder, model, scale), *memory(folder, model, scale), *cost(model, scale)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        measures = measure(Path(temporary), Scale())
    print_table("predict", measures)
    print(f"Written: {write_results('predict', measures)}")
