"""The pairing methods by the names that the catalog has for them."""

from collections.abc import Callable

from clipit.pairing.controls import oracle, random, shuffled
from clipit.pairing.hubness import csls, inverted_softmax, mutual, nnn
from clipit.pairing.nearest import centred, nearest
from clipit.pairing.problem import Ranking
from clipit.pairing.transport import sinkhorn

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
    "shuffled": shuffled,
    "oracle": oracle,
}
"""Functions of a `Problem` and the method's own settings. No label ever reaches one."""
