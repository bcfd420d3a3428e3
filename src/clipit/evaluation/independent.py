"""McNemar's and DeLong's test, where no two test items are of one patient as far as is known."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clipit.evaluation.predictions import Predictions
from clipit.statistics.ungrouped import delong, mcnemar


def independent_tests(one: Sequence[Predictions], other: Sequence[Predictions]) -> dict[str, Any] | None:
    """Both tests of two models on the same items; None where groups are known, since they would take them for apart.

    A model is here the mean of its seeds' probabilities: the tests know no seeds. `mcnemar` is of the items that each
    has right, `delong` of the areas under the ROC curve of each class against the rest (none where a side has fewer
    than two items). Their p values are not corrected for their number.
    """
    labels = one[0].labels
    if one[0].groups is not None:
        return None
    a, b = (np.mean([model.probabilities for model in models], axis=0) for models in (one, other))
    right = [probabilities.argmax(axis=1) == labels for probabilities in (a, b)]
    areas = {}
    for c, name in enumerate(one[0].classes):
        positive = labels == c
        if 2 <= positive.sum() <= len(labels) - 2:
            areas[name] = delong(positive, a[:, c], b[:, c])._asdict()
    return {"mcnemar": mcnemar(*right)._asdict(), "delong": areas}
