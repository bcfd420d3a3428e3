"""A backbone from images alone: SimCLR.

Source: Chen et al., A simple framework for contrastive learning of visual representations (2020), section 2 and
equation 1. The colour distortion is ours: gains on optical densities, which is how stains differ.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import splits as splits_schema
from clipit.artifacts.tables import agree, read_table
from clipit.encoders.backbone import load_backbone, save_backbone
from clipit.pretraining.augment import Augmentation
from clipit.pretraining.images import Images
from clipit.pretraining.optimise import autocast, optimiser
from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress

_PROJECTION = 128
_VIEWS = Augmentation(min_area=0.35, stain=0.1, scale=0.75)  # a stronger change of stain made worse features


def train_backbone(
    store: Path,
    patches: Path,
    splits: Path,
    out: Path,
    *,
    architecture: str,
    model_args: Mapping[str, Any],
    epochs: int,
    batch: int,
    lr: float,
    temperature: float,
    threads: int,
    seed: int,
    device: str,
    origin: Origin,
) -> None:
    """Trains timm's `architecture` with `model_args` on the train images and writes it to `out` as a `local-dir:`.

    No label and no text is read.

    Raises:
        UserError: there are fewer train images than a batch, or timm knows no such model.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    split_table = read_table(splits, splits_schema.SCHEMA)
    split = dict(zip(split_table.column("patch_id"), split_table.column("split"), strict=True))
    images = Images.read(store, patches, lambda patch: split.get(patch) == "train")
    if len(images) < batch:
        raise UserError(f"{splits} has {len(images)} train images, fewer than a batch of {batch}: lower the batch")
    backbone = load_backbone(architecture, pretrained=False, seed=seed, model_args=model_args)
    projection = nn.Sequential(
        nn.Linear(backbone.d, backbone.d), nn.BatchNorm1d(backbone.d), nn.ReLU(), nn.Linear(backbone.d, _PROJECTION)
    )
    model = nn.Sequential(backbone.module, projection).train().to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    transform = images.transform()
    normalise = replace(transform, size=round(_VIEWS.scale * transform.size))
    steps = epochs * (len(images) // batch)
    optimizer, schedule = optimiser(model, lr, steps)
    with Progress("SimCLR", steps * batch, "images") as progress:
        for _ in range(epochs):
            for rows in torch.randperm(len(images), generator=generator).split(batch)[: len(images) // batch]:
                seen = images.pixels[rows].to(device)
                views = normalise(torch.cat([_VIEWS(seen, generator) for _ in range(2)]))
                with autocast(device):
                    z = model(views.contiguous(memory_format=torch.channels_last))
                loss = nt_xent(z.float(), temperature)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                progress.advance(batch, loss=loss.item())
    trained = replace(backbone, transform=transform)
    lineage = agree(images.table, split_table)
    save_backbone(out, trained, origin.provenance(lineage=lineage, inputs={"patches": patches, "splits": splits}))


def nt_xent(z: Tensor, temperature: float) -> Tensor:
    """The normalised temperature-scaled cross-entropy (equation 1).

    `z` (2B, d) float32: rows i and B + i are two views of one image; every other row is a negative.
    """
    n = len(z) // 2
    z = functional.normalize(z, dim=1)
    logits = z @ z.T / temperature
    logits.fill_diagonal_(float("-inf"))
    partner = torch.arange(2 * n, device=z.device).roll(n)
    return functional.cross_entropy(logits, partner)
