"""What experiments need beyond what they name, and what they cannot have."""

from collections.abc import Iterator

from clipit.config.datasets import CaptionedDataset
from clipit.config.encoders import RetrieverBackbone
from clipit.config.experiment import Config, Experiment
from clipit.config.lists import as_list
from clipit.config.names import ORACLE, words_removed
from clipit.config.variants import VARIANTS


def add_derived(config: Config) -> None:
    """Adds the corpora with words removed that the experiments' variants distil."""
    for experiment in config.experiments.values():
        shares = {share for name in experiment.variants if (share := VARIANTS[name].words_removed)}
        for corpus in as_list(experiment.corpus):
            for share in sorted(shares):
                entry = config.corpora[corpus].model_copy(update={"words_removed": share})
                config.corpora[words_removed(corpus, share)] = entry


def impossible(config: Config) -> Iterator[str]:
    """A line for everything that an experiment asks of entries that cannot give it."""
    for title, experiment in config.experiments.items():
        at = f"config: experiments.{title}"
        yield from _datasets(config, experiment, at)
        yield from _extra_tests(experiment, at)
        yield from _contrastive(config, experiment, at)
        yield from _oracle(config, experiment, at)
        yield from _words(config, experiment, at)


def _datasets(config: Config, experiment: Experiment, at: str) -> Iterator[str]:
    named = [("dataset", name) for name in as_list(experiment.dataset)]
    named += [("extra_tests", extra.dataset) for extra in experiment.extra_tests]
    for key, name in named:
        entry = config.datasets[name]
        if isinstance(entry, CaptionedDataset) or getattr(entry, "cohort", None) == "source":
            yield f"{at}.{key} = {name!r} has captions and no labels: it trains retrievers; name one with labels"


def _extra_tests(experiment: Experiment, at: str) -> Iterator[str]:
    ids = [extra.id for extra in experiment.extra_tests]
    for number, extra in enumerate(experiment.extra_tests):
        if extra.dataset in as_list(experiment.dataset):
            yield f"{at}.extra_tests = {extra.dataset!r} is what the models are trained on: name another data set"
        if extra.id in ids[:number]:
            yield f"{at}.extra_tests names {extra.dataset!r} twice in the same way: leave one out"


def _contrastive(config: Config, experiment: Experiment, at: str) -> Iterator[str]:
    wanted = [name for name in experiment.variants if VARIANTS[name].form == "contrastive"]
    for name in as_list(experiment.backbone) if wanted else []:
        if not isinstance(config.backbones[name], RetrieverBackbone):
            yield (
                f"{at}.variants: {wanted[0]} fine-tunes a CLIP, and backbone {name!r} has no text tower: name one of "
                "kind retriever, or leave the variant out"
            )


def _oracle(config: Config, experiment: Experiment, at: str) -> Iterator[str]:
    trained = [name for name in experiment.variants if VARIANTS[name].pairing == "oracle"]
    named = [
        name for name in [*as_list(experiment.pairing), *experiment.audit] if config.pairings[name].method == "oracle"
    ]
    if trained and (ORACLE not in config.pairings or config.pairings[ORACLE].method != "oracle"):
        yield f"config: pairings.{ORACLE} must be of the method oracle, for the variant {trained[0]}: rename yours"
    sources: list[str] = [config.datasets[name].source for name in as_list(experiment.dataset)]
    sources += [config.corpora[name].source for name in as_list(experiment.corpus)]
    if (trained or named) and set(sources) != {"phantom"}:
        yield f"{at}: {(trained + named)[0]} needs to know the truth, which only the phantom's images and reports have"


def _words(config: Config, experiment: Experiment, at: str) -> Iterator[str]:
    shares = [share for name in experiment.variants if (share := VARIANTS[name].words_removed)]
    for corpus in as_list(experiment.corpus) if shares else []:
        if config.corpora[corpus].words_removed:
            yield f"{at}.corpus = {corpus!r} has words removed already: name the whole one for the variants that do so"
        for share in shares:
            if words_removed(corpus, share) in config.corpora:
                yield f"config: corpora.{words_removed(corpus, share)} is a name of clipit's own: choose another"
