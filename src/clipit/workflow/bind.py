"""Answers the questions that rules ask of the configuration: what a job reads, and the values handed to its script.

A rule takes only the values that its job uses, as plain sorted data, so that no other edit of the configuration
reruns it.
"""

from pathlib import Path
from typing import Any

from clipit.artifacts.described import described
from clipit.artifacts.provenance import json_digest
from clipit.config.corpora import TextCorpus
from clipit.config.encoders import (
    AlignedRetriever,
    HubModel,
    RetrieverBackbone,
    TextPolicyRetriever,
    TimmBackbone,
    pinned,
)
from clipit.config.expand import Plan
from clipit.config.experiment import Config
from clipit.config.names import COLOUR
from clipit.config.variants import VARIANTS
from clipit.encoders.retriever_kinds import LOADERS
from clipit.runtime.names import HUB, LOCAL
from clipit.workflow.bind_compare import CompareBinding
from clipit.workflow.bind_cost import costs
from clipit.workflow.bind_explained import explained, explained_files
from clipit.workflow.bind_explorer import explored, explored_files
from clipit.workflow.check import planned_entries
from clipit.workflow.entries import plain, without
from clipit.workflow.fingerprint import fingerprint_files
from clipit.workflow.resources import gpus, resolve_device
from clipit.workflow.terms import parts_of_pairs, parts_of_run, terms


class Binding(CompareBinding):
    """Look-ups over one configuration."""

    def __init__(self, config: Config, plan: Plan, project: Path, *, dry_run: bool = False) -> None:
        super().__init__(config, plan, project, dry_run=dry_run)
        self._planned = {(section, name) for section, names in planned_entries(config, plan).items() for name in names}
        self._told |= self._planned
        self.device = resolve_device(config.compute.device)
        self.gpus = gpus(config.compute.device)

    def check_own_files(self) -> None:
        """Takes the fingerprint of all own files that planned jobs read, so that a mistake in one ends in one line.

        Raises:
            UserError: a folder holds nothing, a table lacks a column or is no text. (Raised while Snakemake asks for a
                job's parameters, it would end in a traceback.)
        """
        used = planned_entries(self._config, self._plan)
        labelled = {run.dataset for run in self._plan.runs.values()}
        labelled |= {extra["dataset"] for title in self._plan.tables for extra in self.extra_tests(title)}
        for dataset in used["datasets"]:
            self.images_fingerprint(dataset)
            for column in ("split", "label") if dataset in labelled else ("caption",):
                self.column_fingerprint(dataset, column)
        for corpus in used["corpora"]:
            self.corpus_fingerprint(corpus)
        for retriever in used["retrievers"]:
            self.retriever_fingerprint(retriever)
        for backbone in used["backbones"]:
            self.backbone_fingerprint(backbone)

    # ---------------------------------------------------------------------------------------- backbones, retrievers

    def backbone(self, backbone: str) -> dict[str, Any] | str:
        """How a job loads a backbone: arguments of `load_backbone`, or {"retriever": …}, or "colour"."""
        if backbone == COLOUR:
            return COLOUR
        entry = self._config.backbones[backbone]
        if isinstance(entry, TimmBackbone):
            return {
                "name": pinned(entry),
                "image_size": entry.image_size,
                "pretrained": entry.pretrained,
                "model_args": entry.model_args,
                "marker": self._hub_marker(entry),
            }
        if entry.kind == "retriever":
            return {"retriever": self.retriever(entry.retriever)}
        return {
            "name": f"{LOCAL}{self.paths.model(backbone)}",
            "image_size": None,
            "pretrained": True,
            "model_args": {},
            "marker": None,
        }

    def backbone_files(self, backbone: str) -> list[str]:
        """Files of the results folder that loading a backbone reads."""
        if backbone == COLOUR:
            return []
        entry = self._config.backbones[backbone]
        if entry.kind == "simclr":
            return [self.paths.backbone_weights(backbone)]
        if entry.kind == "retriever":
            return self.retriever_files(entry.retriever)
        self._check_accepted([("backbones", backbone)])
        return self._hub_files(entry)

    def backbone_fingerprint(self, backbone: str) -> str | None:
        """Changes when the files of a `local-dir:` backbone do."""
        if backbone == COLOUR:
            return None
        entry = self._config.backbones[backbone]
        if isinstance(entry, RetrieverBackbone):
            return self.retriever_fingerprint(entry.retriever)
        return _local_dir(entry.name) if isinstance(entry, TimmBackbone) else None

    def inference(self, section: str, name: str) -> dict[str, Any]:
        """How an encoder runs: precision, device, threads."""
        entry = None if name == COLOUR else getattr(self._config, section)[name]
        if isinstance(entry, TextPolicyRetriever):
            return self.inference(section, entry.retriever)
        return {
            "precision": getattr(entry, "precision", "auto"),
            "device": self.device,
            "threads": self._config.compute.threads,
        }

    def batch(self, section: str, name: str, attempt: int = 1) -> int:
        """How many patches or texts an encoder takes at a time; fewer where a try failed.

        It is no parameter of a job: it bounds the memory and moves no result by more than rounding.
        """
        entry = None if name == COLOUR else getattr(self._config, section)[name]
        if isinstance(entry, TextPolicyRetriever):
            return self.batch(section, entry.retriever, attempt)
        return max(getattr(entry, "batch", 256) // attempt, 1)

    def backbone_settings(self, backbone: str) -> dict[str, Any]:
        """How a backbone is trained here."""
        return without(plain(self._config.backbones[backbone]), {"kind", "dataset", "precision"})

    def retriever_settings(self, retriever: str) -> dict[str, Any]:
        """How a retriever is trained here."""
        entry = plain(self._config.retrievers[retriever])
        settings = without(entry, {"kind", "captioned", "image", "precision", "text", "text_tower"})
        tower = entry["text_tower"]
        return settings | {"text": tower if isinstance(tower, str) else {"words": tower}}

    def retriever(self, retriever: str) -> dict[str, str | None]:
        """How a job loads a retriever: {"kind", "name", "marker"}."""
        entry = self._config.retrievers[retriever]
        if isinstance(entry, TextPolicyRetriever):
            return self.retriever(entry.retriever)
        if isinstance(entry, AlignedRetriever):
            return {"kind": entry.kind, "name": self.paths.model(retriever), "marker": None}
        return {"kind": entry.kind, "name": pinned(entry), "marker": self._hub_marker(entry)}

    def retriever_code(self, script: str, retriever: str) -> str:
        """`code` of a script that loads a retriever."""
        kind = self._config.retrievers[self.image_retriever(retriever)].kind
        return self.code(script, LOADERS[kind].partition(":")[0])

    def text_policy(self, retriever: str) -> dict[str, Any]:
        """How a retriever reads reports."""
        return plain(self._config.retrievers[retriever].text)

    def backbone_code(self, script: str, backbone: str) -> str:
        """`code` of a script that loads a backbone, which may be a retriever's image tower."""
        entry = None if backbone == COLOUR else self._config.backbones[backbone]
        if isinstance(entry, RetrieverBackbone):
            return self.retriever_code(script, entry.retriever)
        return self.code(script)

    def retriever_files(self, retriever: str) -> list[str]:
        """Files of the results folder that loading a retriever reads."""
        entry = self._config.retrievers[retriever]
        if isinstance(entry, TextPolicyRetriever):
            return self.retriever_files(entry.retriever)
        if not isinstance(entry, AlignedRetriever):
            self._check_accepted([("retrievers", retriever)])
            return self._hub_files(entry)
        return [self.paths.retriever_sentinel(retriever), *self.backbone_files(entry.image)]

    def retriever_fingerprint(self, retriever: str) -> str | None:
        """Changes when the files of a `local-dir:` retriever, or of one of its towers, do."""
        entry = self._config.retrievers[retriever]
        if isinstance(entry, TextPolicyRetriever):
            return self.retriever_fingerprint(entry.retriever)
        if not isinstance(entry, AlignedRetriever):
            return _local_dir(entry.name)
        text = fingerprint_files(entry.text_tower) if isinstance(entry.text_tower, str) else None
        return json_digest([self.backbone_fingerprint(entry.image), text])

    def hub_name(self, repo: str) -> str:
        """The model of the hub, `organisation/model[@revision]`, whose marker is named `repo`."""
        self._check_accepted(self._hub_users(repo))
        return repo.replace("--", "/", 1)

    def hub_kinds(self, repo: str) -> list[str]:
        """The kinds of the entries that it is fetched for: a repository may hold several libraries' copies."""
        users = self._hub_users(repo)
        wanted = [user for user in users if user in self._planned] or users
        return sorted({getattr(self._config, section)[name].kind for section, name in wanted})

    def _hub_users(self, repo: str) -> list[tuple[str, str]]:
        """The entries, (section, name), of a model of the hub."""
        marker = self.paths.hub_model(repo)
        return [
            (section, name)
            for section in ("retrievers", "backbones")
            for name, entry in getattr(self._config, section).items()
            if hasattr(entry, "revision") and self._hub_marker(entry) == marker
        ]

    def _hub_files(self, entry: HubModel) -> list[str]:
        marker = self._hub_marker(entry)
        return [marker] if marker else []

    def _hub_marker(self, entry: HubModel) -> str | None:
        """The file that says which commits of a model of the hub, and of what it needs, were fetched."""
        if not entry.name.startswith(HUB) or not getattr(entry, "pretrained", True):
            return None
        return self.paths.hub_model(pinned(entry).removeprefix(HUB).replace("/", "--"))

    # ---------------------------------------------------------------------------------------------------- report

    def report_files(self) -> list[str]:
        """Every file that the report shows."""
        files = [
            row[key]
            for title in self._plan.tables
            for row in self.compared(title)
            for key in ("history", "predictions", "student")
        ]
        files += [audit["audit"] for title in self._plan.tables for audit in self.audits(title)]
        files += [shown["slides"] for title in self._plan.tables for shown in self._slides(title)]
        files += [file for embedded in self.embedding_times() for file in embedded["files"]]
        files += [cost["file"] for cost in costs(self._plan, self.paths)]
        files += [file for title in self._plan.tables for file in (self._explained_outputs(title) or {}).values()]
        montages = [self._montage(title) for title in self._plan.tables]
        files += [file for shown in montages if shown for key, file in shown["files"].items() if key != "store"]
        return list(dict.fromkeys(file for file in files if file))

    def explained(self, experiment: str) -> dict[str, Any] | None:
        """What `explain` is asked of an experiment, and how its models run; None where nothing is explained."""
        found = explained(self.compared(experiment), self._montage(experiment), self.paths)
        return found and found | self.inference("backbones", found["runs"][0]["row"]["backbone"])

    def explained_batch(self, experiment: str, attempt: int = 1) -> int:
        """`batch` of the backbone whose students are explained."""
        found = self.explained(experiment)
        return self.batch("backbones", found["runs"][0]["row"]["backbone"], attempt) if found else 1

    def explained_files(self, experiment: str) -> list[str]:
        """Every file that `explain` reads."""
        found = self.explained(experiment)
        return explained_files(found, self.paths) if found else []

    def _explained_outputs(self, experiment: str) -> dict[str, str] | None:
        """What `explain` writes."""
        names = ("attributions", "embedding_map")
        written = {name: self.paths.explained(f"{name}.parquet", experiment) for name in names}
        return written if self.explained(experiment) else None

    def configuration_digest(self) -> str:
        """A digest of all runs and pairings and what they use, without paths: the same on every machine."""
        used = {
            section: {name: described(plain(getattr(self._config, section)[name])) for name in names}
            for section, names in planned_entries(self._config, self._plan).items()
        }
        pairings = {name: plain(pairing) for name, pairing in self._plan.pairings.items()}
        runs = sorted("/".join(key) for key in self._plan.runs)
        extras = [extra["id"] for title in self._plan.tables for extra in self.extra_tests(title)]
        return json_digest([runs, self._plan.pairs, used, pairings, extras, self._config.compute.threads])

    def report_content(self) -> dict[str, Any]:
        """What the report shows of each experiment, and whether it may show report texts."""
        return {
            "experiments": [
                {
                    "name": title,
                    "title": title.replace("_", " "),
                    "table_json": self.paths.table(title, "json"),
                    "runs": self.compared(title),
                    "audits": self.audits(title),
                    "pairings_json": self.paths.pairing_table(title, "json") if self._plan.pairs[title] else None,
                    "montage": self._montage(title),
                    "explained": self._explained_outputs(title),
                    "slides": self._slides(title),
                }
                for title in self._plan.tables
            ],
            "meanings": {name: variant.meaning for name, variant in VARIANTS.items()},
            "show_text": self._show_text(),
            "explorer": bool(self.all_pairings()),
            "embeddings": self.embedding_times(),
            "costs": costs(self._plan, self.paths),
            "job_list": self.paths.job_list(),
            "sources": self._sources(),
            "synthetic": any(self.synthetic(title) for title in self._plan.tables),
        }

    def explorer(self) -> list[str]:
        """The page to look at pairings, where there are any."""
        return [self.paths.report("explorer.html")] if self.all_pairings() else []

    def explorer_content(self) -> dict[str, Any]:
        """What the explorer shows, and whether it may show report texts."""
        return explored(self.all_pairings(), self.paths) | {
            "show_text": self._show_text(),
            "synthetic": any(self.synthetic(title) for title in self._plan.tables),
        }

    def explorer_files(self) -> list[str]:
        """Every file that the explorer shows."""
        return explored_files(self.explorer_content(), self.paths)

    def _sources(self) -> list[dict[str, Any]]:
        """The terms of everything that the experiments use."""
        parts = [part for run in self._plan.runs.values() for part in parts_of_run(self._config, run)]
        parts += [part for pairs in self.all_pairings() for part in parts_of_pairs(self._config, pairs)]
        extras = [extra["dataset"] for title in self._plan.tables for extra in self.extra_tests(title)]
        parts += [("images and labels", name, self._config.datasets[name]) for name in extras]
        return terms(sorted(parts, key=lambda part: part[:2]))

    def _show_text(self) -> bool:
        """Own reports may be confidential: unless told otherwise, their texts and ids stay out of every page."""
        if self._config.report.show_text is not None:
            return self._config.report.show_text
        corpora = {corpus for _, corpus, _, _ in self.all_pairings()}
        return not any(isinstance(self._config.corpora[corpus], TextCorpus) for corpus in corpora)

    def _slides(self, experiment: str) -> list[dict[str, str]]:
        """The pictures of slides to show: of the data sets that no experiment before this one has."""
        before = list(self._plan.tables)[: list(self._plan.tables).index(experiment)]
        shown = {row.run.dataset for title in before for row in self._plan.tables[title]}
        datasets = dict.fromkeys(row.run.dataset for row in self._plan.tables[experiment])
        return [
            {"dataset": dataset, "slides": self.paths.slides(dataset)}
            for dataset in datasets
            if self.has_slides(dataset) and dataset not in shown
        ]

    def _montage(self, experiment: str) -> dict[str, Any] | None:
        """The files behind the pictures of patches with their reports: of the first pairing that is no control."""
        pairs = self.first_pairing(experiment)
        if pairs is None:
            return None
        files = {
            "store": self.paths.store(pairs.dataset),
            "sealed": self.paths.store_success(pairs.dataset),
            "patches": self.paths.patches(pairs.dataset),
            "labels": self.paths.labels(pairs.dataset),
            "pairs": self.paths.pairs(*pairs),
            "reports": self.paths.reports(pairs.corpus),
        }
        return {"row": pairs._asdict(), "files": files}


def _local_dir(name: str) -> str | None:
    return fingerprint_files(name.removeprefix(LOCAL)) if name.startswith(LOCAL) else None
