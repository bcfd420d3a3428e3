"""The two scores that training reports; the evaluation proper is a stage of its own."""

import numpy as np


def accuracy(label: np.ndarray, predicted: np.ndarray) -> float:
    """Share of correct predictions."""
    return float(np.mean(label == predicted))


def balanced_accuracy(label: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over the classes present in `label` of the share of their items that is predicted right."""
    return float(np.mean([np.mean(predicted[label == name] == name) for name in np.unique(label)]))
