"""From experiments to runs: what is trained, once, and which run each row of a table shows."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from clipit.config.encoders import TextPolicyRetriever
from clipit.config.experiment import Config, Experiment
from clipit.config.lists import as_list
from clipit.config.pairings import Oracle, Pairing, Random, Shuffled, Top1
from clipit.config.runs import Run, runs_of, target_of, teacher_of
from clipit.config.training import chosen
from clipit.config.variants import VARIANTS


@dataclass(frozen=True)
class Row:
    """A run as one experiment shows it: the combination it belongs to, and the run.

    Where training settings are lists, `candidate` has the run's own values: of the candidates of a variant, the best on
    validation is tested.
    """

    combination: Mapping[str, str | None]
    run: Run
    candidate: Mapping[str, Any] = field(default_factory=dict)


class Pairs(NamedTuple):
    """The wildcards of a table of pairs."""

    dataset: str
    corpus: str
    retriever: str
    pairing: str


@dataclass(frozen=True)
class Triaged:
    """A pairing as triage judges it.

    Attributes:
        pairs: the pairing.
        chosen: whether the experiment would train on it, or has it audited only.
        teacher: the teacher on its reports, of the experiment's first seed.
        floor: the same on reports drawn at random.
    """

    pairs: Pairs
    chosen: bool
    teacher: Run
    floor: Run


@dataclass(frozen=True)
class Plan:
    """All that a configuration asks for."""

    tables: Mapping[str, list[Row]]
    runs: Mapping[tuple[str, ...], Run]
    """What the tables need."""
    pairings: Mapping[str, Pairing]
    """The pairings of the catalog, and one for each seed of a drawn one."""
    pairs: Mapping[str, list[Pairs]]
    """The pairings that an experiment shows: those its runs distil, of drawn ones the first; those to audit."""
    triage: Mapping[str, list[Triaged]]
    """What triage looks at; its teachers are trained for it alone where no table needs them."""

    def run(self, wildcards: Any) -> Run:
        """The run that a rule's wildcards name."""
        key = tuple(str(getattr(wildcards, key)) for key in ("dataset", "backbone", "variant", "run", "seed"))
        return self.runs[key] if key in self.runs else self._teachers[key]

    @cached_property
    def _teachers(self) -> dict[tuple[str, ...], Run]:
        judged = [one for rows in self.triage.values() for one in rows]
        return {_key(run): run for one in judged for run in (one.teacher, one.floor)}


def expand(config: Config) -> Plan:
    """Multiplies every experiment's lists into runs, with the probes and teachers that they need."""
    tables: dict[str, list[Row]] = {}
    runs: dict[tuple[str, ...], Run] = {}
    pairings = dict(config.pairings)
    for title, experiment in config.experiments.items():
        tables[title] = []
        for combination in _combinations(experiment):
            for name, seed in itertools.product(experiment.variants, experiment.seeds):
                names = _names(config, combination)
                for run, candidate in runs_of(experiment.training, names, name, seed):
                    row = Row(_read_of(combination, run), run, candidate)
                    if row not in tables[title]:
                        tables[title].append(row)
                    _add(runs, run)
                    pairings |= _drawn(config, run)
    shown = {title: _shown(config.experiments[title], rows) for title, rows in tables.items()}
    triage = {title: list(_triaged(config, experiment)) for title, experiment in config.experiments.items()}
    for one in itertools.chain.from_iterable(triage.values()):
        pairings |= _drawn(config, one.floor)
    return Plan(tables, runs, pairings, shown, triage)


def tower_of(config: Config, retriever: str) -> str:
    """The retriever whose image tower a retriever uses: itself, but for one that only reads reports in another way."""
    entry = config.retrievers[retriever]
    return entry.retriever if isinstance(entry, TextPolicyRetriever) else retriever


def _add(runs: dict[tuple[str, ...], Run], run: Run) -> None:
    """Puts `run` among `runs`, and what it starts from."""
    runs[_key(run)] = run
    for needed in run.needs.values():
        _add(runs, needed)


def _names(config: Config, combination: Mapping[str, str]) -> dict[str, str]:
    """A combination's names, and others that follow: the retriever whose image tower is used (`tower`), the pairing
    whose reports a control deals (`dealt`), and the one of which a control draws as many reports an image (`mixed`).
    """
    names = dict(combination) | {"tower": tower_of(config, combination["retriever"])}
    pairing = config.pairings[combination["pairing"]]
    if not pairing.control:
        names["dealt"] = combination["pairing"]
        if pairing.model_dump().get("k", 1) > 1:
            names["mixed"] = combination["pairing"]
    return names


def _drawn(config: Config, run: Run) -> dict[str, Pairing]:
    """The pairing that was drawn for a run, by its name; a control takes after what it is the control of."""
    if run.drawn is None or run.pairing is None:
        return {}
    of = config.pairings[run.of] if run.of else Top1(method="top1")
    assert not isinstance(of, Random | Shuffled | Oracle), "a control is none of a control"
    shared = of.model_dump(include={"k", "temperature", "exclude_same_patient"}) | {"seed": run.seed}
    if run.drawn == "random":
        return {run.pairing: Random(method="random", **shared)}
    return {run.pairing: Shuffled(method="shuffled", of=of, **shared)}


def _key(run: Run) -> tuple[str, ...]:
    return tuple(run.wildcards.values())


def _shown(experiment: Experiment, rows: Sequence[Row]) -> list[Pairs]:
    """For every data set, corpus and retriever: the pairings that runs distil, those to audit, one that was drawn."""
    distilled = {
        Pairs(run.dataset, run.corpus, run.retriever, run.pairing): run.drawn
        for run in (row.run for row in rows)
        if run.corpus and run.retriever and run.pairing
    }
    shown: dict[Pairs, None] = {}
    for names in _contexts(experiment):
        own = {pairs: drawn for pairs, drawn in distilled.items() if pairs[:3] == names}
        shown |= dict.fromkeys(pairs for pairs, drawn in own.items() if not drawn)
        shown |= dict.fromkeys(Pairs(*names, pairing) for pairing in experiment.audit)
        shown |= dict.fromkeys([pairs for pairs, drawn in own.items() if drawn][:1])
    return list(shown)


def _contexts(experiment: Experiment) -> list[tuple[str, str, str]]:
    """The data sets, corpora and retrievers of an experiment, every combination once."""
    axes = (experiment.dataset, experiment.corpus, experiment.retriever)
    return list(itertools.product(*map(as_list, axes)))


def _triaged(config: Config, experiment: Experiment) -> Iterator[Triaged]:
    """Every pairing of an experiment with its teacher and the floor beneath it, with all labels.

    Of settings that are lists, the first value.
    """
    seed, wanted, training = experiment.seeds[0], as_list(experiment.pairing), chosen(experiment.training)
    for pairs in (
        Pairs(*context, pairing)
        for context in _contexts(experiment)
        for pairing in dict.fromkeys([*wanted, *experiment.audit])
    ):
        names = _names(config, pairs._asdict())
        teacher, floor = (
            teacher_of(training, VARIANTS[variant], target_of(VARIANTS[variant], names, seed))
            for variant in ("clipit", "random_pairing")
        )
        yield Triaged(pairs, pairs.pairing in wanted, teacher, floor)


def _read_of(combination: Mapping[str, str], run: Run) -> dict[str, str | None]:
    """The names of a combination that a run reads, None for the others: two combinations may share the run."""
    read = {
        "dataset": True,
        "corpus": run.corpus is not None,
        "retriever": run.retriever is not None,
        "backbone": run.has_backbone,
        "pairing": run.of is not None or (run.pairing is not None and not run.drawn),
        "label_fraction": VARIANTS[run.variant].trains != "zeroshot",
    }
    return {axis: name if read[axis] else None for axis, name in combination.items()}


def _combinations(experiment: Experiment) -> list[dict[str, str]]:
    """Every combination of an experiment's lists; the share of labels takes part where it is not simply all."""
    axes = ["dataset", "corpus", "retriever", "backbone", "pairing"]
    if experiment.label_fraction != 1:
        axes.append("label_fraction")
    lists = (map(str, as_list(getattr(experiment, axis))) for axis in axes)
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*lists)]
