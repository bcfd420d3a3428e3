"""How features lie: their two first principal components, and in figures how far neighbours share a class."""

import numpy as np

NEIGHBOURS = 10


def principal_plane(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features, float32 (n, d), as points of their two first principal components, and the share of variance of each.

    Each component points to where its largest loading is positive: a decomposition leaves the sign open. Components
    that features do not have are zero.

    Returns:
        float32 (n, 2), float64 (2,).
    """
    from sklearn.decomposition import PCA

    points, shares = np.zeros((len(features), 2)), np.zeros(2)
    k = min(2, len(features) - 1, features.shape[1])
    if k > 0 and np.ptp(features, axis=0).any():
        exact = features.astype(np.float64)
        pca = PCA(k, svd_solver="full").fit(exact)
        largest = np.abs(pca.components_).argmax(axis=1)
        signs = np.sign(pca.components_[np.arange(k), largest])
        points[:, :k] = pca.transform(exact) * signs
        shares[:k] = pca.explained_variance_ratio_
    return points.astype(np.float32), shares


def agreement(features: np.ndarray, label: np.ndarray, group: np.ndarray | None) -> tuple[float, float] | None:
    """The share of a patch's 10 nearest neighbours that are of its class, and the share among all that could be one.

    By Euclidean distance in all dimensions; averaged over the patches of a class, then over the classes. Patches of
    the same `group`, int64 (n,), a patient or slide, are no neighbours: they resemble each other whatever they show.
    None where no patch has a neighbour.

    Args:
        features: float32 (n, d).
        label: int64 (n,).
        group: see above; None where none is known.
    """
    from sklearn.metrics import pairwise_distances

    groups = np.arange(len(label)) if group is None else group
    barred = groups[:, None] == groups
    distance = pairwise_distances(features.astype(np.float64))
    distance[barred] = np.inf
    order = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
    near = np.take_along_axis(~barred, order, axis=1)
    same = (label[order] == label[:, None]) & near
    could = (label == label[:, None]) & ~barred
    counted = ~barred.all(axis=1)
    if not counted.any():
        return None
    found = same[counted].sum(axis=1) / near[counted].sum(axis=1)
    chance = could[counted].sum(axis=1) / (~barred)[counted].sum(axis=1)
    return _over_classes(found, label[counted]), _over_classes(chance, label[counted])


def _over_classes(values: np.ndarray, label: np.ndarray) -> float:
    return float(np.mean([values[label == one].mean() for one in np.unique(label)]))
