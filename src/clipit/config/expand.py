"""From experiments to runs: what is trained, once, and which run each row of a table shows."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from clipit.config.experiment import Config, Experiment
from clipit.config.load import as_list
from clipit.config.names import COLOUR, DRAWN, TEACHER
from clipit.config.pairings import Pairing, Random
from clipit.config.variants import VARIANTS, Variant


@dataclass(frozen=True)
class Run:
    """One training: what it reads and its settings. `id` hashes exactly these, not the seed."""

    dataset: str
    backbone: str
    variant: str
    seed: int
    settings: Mapping[str, Any]
    target: str | None = None
    corpus: str | None = None
    retriever: str | None = None
    pairing: str | None = None
    drawn: bool = False
    probe: "Run | None" = field(default=None, compare=False)
    teacher: "Run | None" = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """First 8 hexadecimal digits of a hash over the settings and names that this run reads.

        A pairing drawn for each seed is named without the seed, so that the runs of all seeds lie side by side.
        """
        reads = {
            "settings": self.settings,
            "target": self.target,
            "corpus": self.corpus,
            "retriever": self.retriever,
            "pairing": DRAWN if self.drawn else self.pairing,
            "probe": self.probe and self.probe.id,
            "teacher": self.teacher and self.teacher.id,
        }
        return hashlib.sha256(json.dumps(reads, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def wildcards(self) -> dict[str, str]:
        """The wildcards of this run's files."""
        return {
            "dataset": self.dataset,
            "backbone": self.backbone,
            "variant": self.variant,
            "run": self.id,
            "seed": str(self.seed),
        }


@dataclass(frozen=True)
class Row:
    """A run as one experiment shows it: the combination it belongs to, and the run."""

    combination: Mapping[str, str | None]
    run: Run


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
                run = _run(config, experiment, combination, name, seed)
                row = Row(_read_of(combination, run), run)
                if row not in tables[title]:
                    tables[title].append(row)
                for needed in (run, run.probe, run.teacher):
                    if needed is not None:
                        runs[_key(needed)] = needed
                if run.pairing is not None and run.pairing not in pairings:
                    pairings[run.pairing] = Random(method="random", seed=seed)
        first = experiment.seeds[0]
        pairings.setdefault(f"{DRAWN}{first}", Random(method="random", seed=first))
    shown = {title: _shown(config.experiments[title], rows) for title, rows in tables.items()}
    triage = {title: list(_triaged(experiment)) for title, experiment in config.experiments.items()}
    return Plan(tables, runs, pairings, shown, triage)


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


def _triaged(experiment: Experiment) -> Iterator[Triaged]:
    """Every pairing of an experiment with its teacher and the floor beneath it."""
    seed, chosen = experiment.seeds[0], as_list(experiment.pairing)
    for dataset, corpus, retriever in _contexts(experiment):
        names = {"dataset": dataset, "corpus": corpus, "retriever": retriever}
        floor = _teacher(experiment, _target(VARIANTS["random_pairing"], names, seed))
        for pairing in dict.fromkeys([*chosen, *experiment.audit]):
            reads = _target(VARIANTS["clipit"], names | {"pairing": pairing}, seed)
            pairs = Pairs(dataset, corpus, retriever, pairing)
            yield Triaged(pairs, pairing in chosen, _teacher(experiment, reads), floor)


def _read_of(combination: Mapping[str, str], run: Run) -> dict[str, str | None]:
    """The names of a combination that a run reads, None for the others: two combinations may share the run."""
    read = {
        "dataset": True,
        "corpus": run.corpus is not None,
        "retriever": run.retriever is not None,
        "backbone": run.backbone != COLOUR,
        "pairing": run.pairing is not None and not run.drawn,
    }
    return {axis: name if read[axis] else None for axis, name in combination.items()}


def _combinations(experiment: Experiment) -> list[dict[str, str]]:
    axes = ("dataset", "corpus", "retriever", "backbone", "pairing")
    lists = (as_list(getattr(experiment, axis)) for axis in axes)
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*lists)]


def _run(config: Config, experiment: Experiment, names: Mapping[str, str], variant: str, seed: int) -> Run:
    what = VARIANTS[variant]
    training = experiment.training
    if what.trains == "probe":
        if what.features == "colour":
            return Run(names["dataset"], COLOUR, variant, seed, training.colour.model_dump())
        return Run(names["dataset"], names["backbone"], variant, seed, training.probe.model_dump())
    settings = training.model_dump(by_alias=True, exclude={"colour", "probe", "teacher", "protocol", "hidden"}) | {
        "unlabelled": False
    }
    probe = _run(config, experiment, names, "linear_probe", seed)
    if what.target is None:
        del settings["lambda"]
        return Run(names["dataset"], names["backbone"], variant, seed, settings, probe=probe)
    reads = _target(what, names, seed)
    teacher = _teacher(experiment, reads)
    settings["unlabelled"] = what.unlabelled
    return replace(reads, backbone=names["backbone"], variant=variant, settings=settings, probe=probe, teacher=teacher)


def _teacher(experiment: Experiment, reads: Run) -> Run:
    """The teacher on the target of `reads`."""
    assert reads.retriever is not None
    head = {"head": experiment.training.teacher.model_dump(), "hidden": experiment.training.hidden}
    return replace(reads, backbone=reads.retriever, variant=TEACHER, settings=head)


def _target(what: Variant, names: Mapping[str, str], seed: int) -> Run:
    """A run that holds what a variant's target is made from; what it does not read stays out, and so out of its id."""
    run = Run(names["dataset"], "", "", seed, {}, target=what.target, retriever=names["retriever"])
    if what.target == "image":
        return run
    if what.pairing == "random":
        return replace(run, corpus=names["corpus"], pairing=f"{DRAWN}{seed}", drawn=True)
    return replace(run, corpus=names["corpus"], pairing=names["pairing"])
