"""A retriever from captioned images: two towers joined by projections, trained to agree.

Source: Radford et al., Learning transferable visual models from natural language supervision (2021), section 2.3.
"""

import copy
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import captions as captions_schema
from clipit.artifacts.tables import agree, read_table
from clipit.encoders.aligned import AlignedClip, save_aligned
from clipit.encoders.backbone import load_backbone
from clipit.encoders.text_tower import load_text_tower, words_text_tower
from clipit.pretraining.contrastive import MultiPositiveClipLoss, number
from clipit.pretraining.images import Images
from clipit.pretraining.optimise import optimiser
from clipit.pretraining.sides import ImageSide, TextSide
from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress

_HELD_OUT = 10  # a group in so many is kept for choosing the epoch
_MAX_LOG_SCALE = math.log(100)  # as in the source
_POOL = 8  # batches among which captions are sorted by length


def train_retriever(
    store: Path,
    patches: Path,
    captions: Path,
    out_dir: Path,
    *,
    image: str,
    train_image: bool,
    image_size: int | None,
    pretrained: bool = True,
    model_args: Mapping[str, Any] | None = None,
    text: str | Mapping[str, Any],
    d: int,
    epochs: int,
    batch: int,
    lr: float,
    threads: int,
    seed: int,
    device: str,
    origin: Origin,
) -> None:
    """Trains a retriever on captioned images and writes its folder (see `encoders.aligned`).

    A frozen tower's features are computed once and only its projection trains; other towers train end to end. The
    epoch is the one with the least loss on a tenth of the groups, held out.

    Args:
        image: backbone to start from (see `load_backbone`).
        pretrained: False: the image tower starts from random weights.
        model_args: further arguments of the backbone's architecture.
        train_image: whether the image tower trains too.
        text: a `transformers` folder, frozen; or `{"words": {"layers", "width", "heads", "context_length"}}`, a small
            BERT over the captions' own words, trained from scratch.
        d: dimensions of the shared space.

    Raises:
        UserError: there are fewer captioned images to train on than a batch, or a tower cannot be loaded.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    caption_table = read_table(captions, captions_schema.SCHEMA)
    caption_of = dict(zip(caption_table.column("patch_id"), caption_table.column("caption"), strict=True))
    images = Images.read(store, patches, caption_of.__contains__)
    texts = [caption_of[patch] for patch in images.patch_id]
    train, held_out = _hold_out(images.group, generator)
    if len(train) < batch:
        raise UserError(f"{captions} has {len(train)} captions to train on, fewer than a batch of {batch}: lower it")

    backbone = load_backbone(image, image_size=image_size, pretrained=pretrained, seed=seed, model_args=model_args)
    lineage = agree(images.table, caption_table) | {"backbone": backbone.digest}
    frozen_text = text if isinstance(text, str) else None
    if isinstance(text, str):
        tower = load_text_tower(text)
    else:
        tower = words_text_tower(texts, **text["words"], seed=seed)
    model = AlignedClip(backbone, tower, d).to(device)
    model.image_tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image_side = ImageSide(model, images.pixels, generator, trained=train_image, device=device)
    text_side = TextSide(model, texts, trained=frozen_text is None, device=device)
    _fit(model, image_side, text_side, number(texts), train, held_out, epochs, batch, lr, generator)
    inputs = {"patches": patches, "captions": captions}
    elsewhere = pretrained and not train_image  # random weights are nowhere but here
    save_aligned(
        out_dir,
        model.cpu(),
        origin.provenance(lineage=lineage, inputs=inputs),
        frozen_image=image if elsewhere else None,
        frozen_image_args=model_args if elsewhere else None,
        frozen_text=frozen_text,
    )


def _fit(
    model: AlignedClip,
    image_side: ImageSide,
    text_side: TextSide,
    caption: Tensor,
    train: Tensor,
    held_out: Tensor,
    epochs: int,
    batch: int,
    lr: float,
    generator: torch.Generator,
) -> None:
    """Trains `model` on the rows `train` and leaves it as it was after its best epoch on the rows `held_out`."""
    contrast = MultiPositiveClipLoss()

    def loss(rows: Tensor) -> Tensor:
        return contrast(image_side(rows), text_side(rows), model.logit_scale.exp(), caption[rows])

    optimizer, schedule = optimiser(model, lr, epochs * (len(train) // batch))
    best, best_loss = model.state_dict(), math.inf
    with Progress("alignment", epochs * (len(train) // batch) * batch, "pairs") as progress:
        for _ in range(epochs):
            model.image_tower.train(image_side.trained)
            model.text_tower.train(text_side.trained)
            for rows in _batches(train, text_side.lengths, batch, generator):
                value = loss(rows)
                optimizer.zero_grad()
                value.backward()
                optimizer.step()
                schedule.step()
                model.logit_scale.data.clamp_(max=_MAX_LOG_SCALE)
                progress.advance(batch, loss=value.item())
            model.eval()
            with torch.inference_mode():
                held_out_loss = statistics.fmean(loss(rows).item() for rows in held_out.split(batch))
            progress.advance(0, held_out=held_out_loss)
            if held_out_loss < best_loss:
                best, best_loss = copy.deepcopy(model.state_dict()), held_out_loss
    model.load_state_dict(best)


def _hold_out(groups: Sequence[str], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows to train on and rows held out, whole groups (patients) each."""
    names = sorted(set(groups))
    chosen = torch.randperm(len(names), generator=generator)[: max(1, len(names) // _HELD_OUT)]
    held = {names[i] for i in chosen.tolist()}
    mask = torch.tensor([group in held for group in groups])
    return (~mask).nonzero().squeeze(1), mask.nonzero().squeeze(1)


def _batches(rows: Tensor, lengths: Tensor, batch: int, generator: torch.Generator) -> Iterator[Tensor]:
    """`rows` in random order, in whole batches of captions of like length, since a batch is padded to its longest."""
    order = rows[torch.randperm(len(rows), generator=generator)[: len(rows) // batch * batch]]
    pools = [pool[lengths[pool].argsort(stable=True)] for pool in order.split(_POOL * batch)]
    groups = torch.cat(pools).view(-1, batch)
    return iter(groups[torch.randperm(len(groups), generator=generator)])
