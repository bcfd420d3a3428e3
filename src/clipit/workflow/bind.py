"""Answers the questions that rules ask of the configuration: what a job reads, and the values handed to its script.

A rule takes only the values that its job uses, as plain sorted data, so that no other edit of the configuration
reruns it.
"""

from pathlib import Path
from typing import Any

from clipit.artifacts.provenance import json_digest
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
from clipit.encoders.retriever_kinds import LOADERS
from clipit.runtime.names import HUB, LOCAL
from clipit.workflow.bind_compare import CompareBinding
from clipit.workflow.check import planned_entries
from clipit.workflow.entries import plain, without
from clipit.workflow.fingerprint import fingerprint_files
from clipit.workflow.resources import gpus, resolve_device


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


def _local_dir(name: str) -> str | None:
    return fingerprint_files(name.removeprefix(LOCAL)) if name.startswith(LOCAL) else None
