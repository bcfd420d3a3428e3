"""Zero-shot classification: the class whose name, as a text, the retriever finds most similar to the image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import report_embeddings as report_schema
from clipit.artifacts.tables import agree, embedding_matrix, read_table
from clipit.training.examples import read_examples
from clipit.training.predictions import evaluated, write_predictions
from clipit.training.probe import read_features

TEMPERATURE = 0.07
"""Of the softmax over cosines; it decides no class, only how sure the probabilities look."""


def predict_zeroshot(
    image_embeddings: Sequence[Path],
    class_prompts: Path,
    patches: Path,
    splits: Path,
    labels: Path,
    *,
    predictions: Path,
    origin: Origin,
) -> None:
    """Writes softmax(cosine / temperature) over the classes for the labelled val and test patches; nothing is trained.

    Args:
        image_embeddings: all parts of the data set's embeddings.
        class_prompts: embeddings of its classes' names, in their order.
        patches: patches.parquet.
        splits: splits.parquet.
        labels: labels.parquet.
        predictions: table to write.
        origin: who asks.

    Raises:
        UserError: the inputs do not belong together.
    """
    examples = read_examples(patches, splits, labels)
    prompts = read_table(class_prompts, report_schema.schema())
    rows = evaluated(examples)
    images, stored = read_features(image_embeddings, examples.patch_id[rows])
    lineage = agree(*stored, prompts, *examples.stored)
    parts = {f"image_embeddings/{table.path.name}": table.path for table in stored}
    inputs = {**parts, "class_prompts": class_prompts, "patches": patches, "splits": splits, "labels": labels}
    provenance = origin.provenance(lineage=lineage, inputs=inputs)
    probabilities = zeroshot_probabilities(images, embedding_matrix(prompts))
    write_predictions(predictions, examples, probabilities, provenance)


def zeroshot_probabilities(images: np.ndarray, prompts: np.ndarray) -> np.ndarray:
    """softmax(cosine / temperature) of unit vectors (n, d) and (C, d): float32 (n, C)."""
    logits = images @ prompts.T / TEMPERATURE
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
