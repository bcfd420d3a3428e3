"""Pairing methods that the catalog names; docs/retrieval.md says what each does."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from clipit.config.strict import Strict


class _Pairing(Strict):
    """What every method has."""

    fitted: ClassVar[bool] = False
    """Whether it looks at the splits: to fit on train images, or to keep the splits apart."""
    control: ClassVar[bool] = False
    """Whether it looks at no image, or at the truth: it bounds the others, and nobody would choose it."""
    exclude_same_patient: bool = True
    """A report never meets an image of its own patient, where both name one (a report's patient, a patch's group)."""


class _Weighted(_Pairing):
    """Methods that rank reports by a score."""

    k: PositiveInt = 1
    """Reports that make up an image's target."""
    temperature: PositiveFloat = 0.07
    """Of the softmax over the cosines of the k reports, which weighs them."""


class _Neighbours(_Weighted):
    """Methods that look at a report's nearest train images."""

    fitted = True
    neighbours: PositiveInt = 10
    """How many."""


class Top1(_Pairing):
    """The most similar report: the paper's."""

    method: Literal["top1"]


class TopK(_Weighted):
    """The k most similar reports."""

    method: Literal["topk"]
    k: PositiveInt = 5


class Mutual(_Neighbours):
    """Mutual nearest neighbours first."""

    method: Literal["mutual"]


class Csls(_Neighbours):
    """Cross-domain similarity local scaling."""

    method: Literal["csls"]


class Nnn(_Neighbours):
    """Nearest neighbour normalisation."""

    method: Literal["nnn"]
    alpha: PositiveFloat = 0.75
    """How much of a report's mean similarity to its nearest train images is taken off."""


class InvertedSoftmax(_Weighted):
    """Dynamic inverted softmax (querybank normalisation)."""

    fitted = True
    method: Literal["inverted_softmax"]
    beta: PositiveFloat = 20.0
    """Inverse temperature."""


class Sinkhorn(_Weighted):
    """Balanced optimal transport."""

    fitted = True
    method: Literal["sinkhorn"]
    epsilon: PositiveFloat = 0.02
    """Entropic regularisation, in units of the cosine."""
    iterations: PositiveInt = 200
    """At most."""


class Centred(_Weighted):
    """Cosine after the mean of each side is taken off."""

    fitted = True
    method: Literal["centred"]


Retrieval = Annotated[
    Top1 | TopK | Mutual | Csls | Nnn | InvertedSoftmax | Sinkhorn | Centred, Field(discriminator="method")
]
"""The methods that are no control."""


class Random(_Weighted):
    """A uniform draw: the control without retrieval."""

    control = True
    method: Literal["random"]
    seed: int = 0


class Shuffled(_Weighted):
    """Another method's reports, dealt anew to the images of each split: the control with the same use of reports."""

    fitted = True
    control = True
    method: Literal["shuffled"]
    of: Retrieval = Top1(method="top1")
    """Whose reports are dealt."""
    seed: int = 0


class Oracle(_Pairing):
    """A report of the image's own finding: the phantom's upper bound."""

    control = True
    method: Literal["oracle"]


Pairing = Annotated[Retrieval | Random | Shuffled | Oracle, Field(discriminator="method")]
"""How reports are chosen for an image."""
