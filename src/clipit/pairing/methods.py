"""The pairing methods by the names that the catalog has for them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from clipit.pairing.controls import oracle, random, shuffled
from clipit.pairing.hubness import csls, inverted_softmax, mutual, nnn
from clipit.pairing.nearest import centred, nearest
from clipit.pairing.problem import Problem, Ranking
from clipit.pairing.transport import sinkhorn


def _shuffled(problem: Problem, *, seed: int, of: Mapping[str, Any]) -> Ranking:
    """`shuffled`, of the method and its settings that `of` names."""
    return shuffled(problem, seed=seed, of=partial(METHODS[of["method"]], **of["settings"]))


METHODS: dict[str, Callable[..., Ranking]] = {
    "top1": nearest,
    "topk": nearest,
    "mutual": mutual,
    "csls": csls,
    "nnn": nnn,
    "inverted_softmax": inverted_softmax,
    "sinkhorn": sinkhorn,
    "centred": centred,
    "random": random,
    "shuffled": _shuffled,
    "oracle": oracle,
}
"""Functions of a `Problem` and the method's own settings. No label ever reaches one."""
