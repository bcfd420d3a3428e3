"""Classes from a retriever's image embeddings, and scores with their intervals."""

from collections.abc import Mapping

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clipit.statistics.metrics import balanced_accuracy, confusion
from clipit.statistics.resampling import draws, interval

MOST_TRAIN = 20_000
"""Train patches that the probe is fitted to at most: more would cost minutes and decide nothing."""


def probe(train: np.ndarray, label: np.ndarray, val: np.ndarray, seed: int = 0) -> np.ndarray:
    """Classes of `val` by a logistic regression on `train`, int64.

    Features float32 (n, d) are standardised by the train set's own moments; the penalty is C = 0.1, fixed beforehand,
    since the val patches score the probe and must not choose it too.
    """
    if len(label) > MOST_TRAIN:
        chosen = np.random.default_rng(seed).choice(len(label), MOST_TRAIN, replace=False)
        train, label = train[chosen], label[chosen]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)).fit(train, label)
    return model.predict(val).astype(np.int64)


def zero_shot(val: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The class whose text is most similar to each image, int64; unit vectors (n, d) and (C, d)."""
    return (val @ classes.T).argmax(axis=1)


def score(
    label: np.ndarray, said: Mapping[str, np.ndarray], groups: np.ndarray | None, n_classes: int, resamples: int
) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray]]:
    """Balanced accuracy of every predictor in `said`, {"value", "low", "high"}, and in the same resamples.

    The bootstrap draws patients where `groups` (codes) are known, patches within their class where not.
    """

    def weighted(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {name: balanced_accuracy(confusion(label, one, n_classes, weights)) for name, one in said.items()}

    blocks = [weighted(weights) for weights in draws(label, groups, resamples)]
    samples = {name: np.concatenate([block[name] for block in blocks]) for name in said}
    figures = {}
    for name, value in weighted(np.ones((1, len(label)))).items():
        low, high = interval(samples[name])
        figures[name] = {"value": float(value[0]), "low": low, "high": high}
    return figures, samples
