"""The teacher where its text tower is adapted too: adapters and h_t learn the labels together, then both are frozen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from clipit.artifacts.provenance import Origin
from clipit.artifacts.report_vectors import read_report_vectors
from clipit.artifacts.schemas import report_embeddings as report_schema
from clipit.artifacts.tables import agree, embedding_column, write_table
from clipit.encoders.retriever import load_retriever
from clipit.models.heads import TextHead
from clipit.training.checkpoints import resumable
from clipit.training.examples import read_examples
from clipit.training.label_fraction import keep_labels
from clipit.training.targets import read_mixture
from clipit.training.teacher import write_teacher
from clipit.training.text_fit import fit_text
from clipit.training.text_targets import TextTargets, read_tokens


def train_text_teacher(
    files: Mapping[str, Path],
    *,
    retriever: Mapping[str, Any],
    teacher: Path,
    scores: Path,
    predictions: Path,
    embeddings: Path,
    settings: Mapping[str, Any],
    fraction: float = 1.0,
    device: str,
    precision: str = "fp32",
    threads: int,
    checkpoints: Path | None = None,
    origin: Origin,
) -> None:
    """Trains low-rank adapters on the text tower with h_t by the cross-entropy of labelled train patches' reports.

    Args:
        files: `pairs`, `report_embeddings`, `reports`, `patches`, `splits`, `labels`.
        retriever: what `load_retriever` takes.
        teacher, scores, predictions: as `train_teacher` writes them.
        embeddings: table to write: the corpus by the adapted tower, as `report_embeddings` has it. Students distil
            these.
        settings: as `train_teacher` takes them, and `text_lora` (`r`, `alpha`, `dropout`, `linear`, `modules`).
        fraction: share of the labels that is known.
        device: a torch device.
        precision: "fp32", or "bf16" for mixed precision of the training steps.
        threads: torch threads.
        checkpoints: folder where a training that was cut off is found again; None: it starts anew.
        origin: who asks; its seed is the source of all randomness.

    Raises:
        UserError: the inputs do not belong together, or leave a class without train labels or no val labels.
    """
    torch.set_num_threads(threads)
    seed = origin.seed or 0
    torch.manual_seed(seed)
    examples = keep_labels(read_examples(files["patches"], files["splits"], files["labels"]), fraction, seed)
    vectors, loaded = read_report_vectors(files["report_embeddings"]), load_retriever(**retriever).to(device)
    tokens, reports = read_tokens(files["reports"], vectors, loaded)
    mixture = read_mixture(files["pairs"], vectors, settings["rank"])
    lineage = agree(vectors.stored, reports, mixture.stored, *examples.stored)
    targets = TextTargets(
        loaded, tokens, vectors, mixture, examples.patch_id, lora=settings["text_lora"], everything=False, seed=seed
    ).to(device)
    sizes = {
        "d": vectors.chunks.shape[1],
        "n_classes": len(examples.classes),
        "hidden": settings["hidden"],
        "normalise": True,
    }
    head = TextHead(**sizes).to(device)
    provenance = origin.provenance(lineage=lineage, inputs=files)
    with resumable(checkpoints, provenance, first=True) as checkpoint:
        fit = fit_text(targets, head, examples, settings["head"], seed, precision, checkpoint)
        with torch.no_grad():
            logits = fit.head.cpu()(targets.of_many(torch.from_numpy(examples.labelled("val"))))
        write_teacher(teacher, scores, predictions, fit, sizes, logits, examples, provenance)
        rows = vectors.stored.table.take(pa.array(vectors.order))
        rows = rows.set_column(
            rows.schema.get_field_index("embedding"), "embedding", embedding_column(targets.encode_all().numpy())
        )
        write_table(embeddings, rows, report_schema.schema(sizes["d"]), provenance, vectors.stored.meta)
