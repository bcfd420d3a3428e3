"""What a model saw before: collections that pretraining shares with the images or the reports of an experiment."""

from collections.abc import Sequence

from clipit.config.encoders import AlignedRetriever, RetrieverBackbone, SimclrBackbone, TextPolicyRetriever
from clipit.config.expand import Row
from clipit.config.experiment import Config


def overlaps(config: Config, rows: Sequence[Row], extras: Sequence[str] = ()) -> list[str]:
    """A caution for every model of an experiment that was pretrained on what its images or reports are drawn from.

    And for each data set of `extras`, those of extra tests, that a model was pretrained or trained on the origin of.
    """
    found: dict[str, None] = {}
    for run in (row.run for row in rows):
        models = []
        if run.has_backbone:
            models.append((f"backbone {run.backbone}", backbone_saw(config, run.backbone)))
        if run.retriever:
            models.append((f"retriever {run.retriever}", retriever_saw(config, run.retriever)))
        data = [(f"data set {run.dataset}", _origins(config, run.dataset), "its numbers may be too high")]
        data += [(f"extra test {name}", _origins(config, name), "its numbers may be too high") for name in extras]
        for name in extras:
            own = config.datasets[run.dataset].drawn_from
            if shared := ", ".join(sorted(set(own) & set(config.datasets[name].drawn_from))):
                what = f"Overlap: extra test {name} and training set {run.dataset} are both of {shared}"
                found[f"{what}: it tests other patients only where the two are known to share none."] = None
        if run.corpus:
            what = "a gain may be that collection's rather than the text's"
            data.append((f"corpus {run.corpus}", config.corpora[run.corpus].drawn_from, what))
        for model, saw in models:
            for name, drawn_from, consequence in data:
                if shared := ", ".join(sorted(saw & set(drawn_from))):
                    found[f"Overlap: {model} was pretrained on {shared}, where {name} is from: {consequence}."] = None
    return list(found)


def _origins(config: Config, dataset: str) -> list[str]:
    """The collections that a data set is drawn from, and the data set itself: an own one has no other name."""
    return [*config.datasets[dataset].drawn_from, f"data set {dataset}"]


def backbone_saw(config: Config, name: str) -> set[str]:
    """The collections that a backbone was pretrained on."""
    entry = config.backbones[name]
    if isinstance(entry, SimclrBackbone):
        return set(_origins(config, entry.dataset))
    return retriever_saw(config, entry.retriever) if isinstance(entry, RetrieverBackbone) else set(entry.pretrained_on)


def retriever_saw(config: Config, name: str) -> set[str]:
    """The collections that a retriever was pretrained on."""
    entry = config.retrievers[name]
    if isinstance(entry, TextPolicyRetriever):
        return retriever_saw(config, entry.retriever)
    if isinstance(entry, AlignedRetriever):
        return backbone_saw(config, entry.image) | set(_origins(config, entry.captioned))
    return set(entry.pretrained_on)
