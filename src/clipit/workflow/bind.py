"""Answers the questions that rules ask of the configuration: what a job reads, and the values handed to its script.

A rule takes only the values that its job uses, as plain sorted data, so that no other edit of the configuration
reruns it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipit.artifacts.paths import Paths
from clipit.artifacts.provenance import json_digest
from clipit.config.catalog import (
    CaptionedDataset,
    FolderDataset,
    OpenClipRetriever,
    RetrieverBackbone,
    TextCorpus,
    TimmBackbone,
)
from clipit.config.expand import Plan, Run
from clipit.config.experiment import Config
from clipit.config.names import COLOUR
from clipit.config.strict import Strict
from clipit.config.variants import VARIANTS
from clipit.sources.image_files import SUFFIXES
from clipit.workflow.code_digest import code_digest
from clipit.workflow.fingerprint import csv_columns_digest, fingerprint_files, fingerprint_listed
from clipit.workflow.resources import gpus, resolve_device

_LABEL_KEYS = {"train_labels", "label_seed"}
_SPLIT_KEYS = {"val_share", "val_seed"}
_OTHER_KEYS = {"parts", "max_rejected", "licence", "citation", "download"}
"""Keys of a data set that its pixels do not depend on."""


class Binding:
    """Look-ups over one configuration."""

    def __init__(self, config: Config, plan: Plan, project: Path) -> None:
        self._config, self._plan, self._project = config, plan, project
        self.paths = Paths(config.results)
        self.device = resolve_device(config.compute.device)
        self.gpus = gpus(config.compute.device)

    def code(self, script: str) -> str:
        """Digest of the code that `workflow/scripts/{script}.py` runs."""
        return code_digest(script, self._project)

    # ------------------------------------------------------------------------------------------------- data sets

    def pixels_entry(self, dataset: str) -> dict[str, Any]:
        """The data set's entry without the keys that its pixels do not depend on."""
        return _without(self._entry(dataset), _LABEL_KEYS | _SPLIT_KEYS | _OTHER_KEYS)

    def split_entry(self, dataset: str) -> dict[str, Any]:
        """The data set's entry without the keys that its splits do not depend on."""
        return _without(self._entry(dataset), _LABEL_KEYS | _OTHER_KEYS)

    def label_entry(self, dataset: str) -> dict[str, Any]:
        """The data set's entry without the keys that its labels do not depend on."""
        return _without(self._entry(dataset), _SPLIT_KEYS | _OTHER_KEYS)

    def _entry(self, dataset: str) -> dict[str, Any]:
        entry = self._config.datasets[dataset]
        values = plain(entry)
        if isinstance(entry, FolderDataset) and entry.download and entry.path is None:
            values["path"] = str(Path(self.paths.downloaded(dataset)).parent)
        return values

    def downloaded(self, dataset: str) -> list[str]:
        """What must be downloaded before the data set can be read."""
        entry = self._config.datasets[dataset]
        if not isinstance(entry, FolderDataset):
            return []
        if entry.download:
            return [self.paths.downloaded(dataset)]
        return []

    def download(self, dataset: str, file: str) -> dict[str, Any]:
        """Where a file is fetched from, and its checksum."""
        entry = self._config.datasets[dataset]
        assert isinstance(entry, FolderDataset)
        return plain(entry.download[file])

    def fetched(self, dataset: str) -> list[str]:
        """A marker for every file of a download."""
        entry = self._config.datasets[dataset]
        return [self.paths.fetched(dataset, file) for file in getattr(entry, "download", {})]

    def images_fingerprint(self, dataset: str) -> str | None:
        """Changes when an own image is added, edited or removed; not when a label is corrected in a CSV."""
        entry = self._config.datasets[dataset]
        if isinstance(entry, CaptionedDataset):
            return fingerprint_listed(entry.captions, "image", root=entry.path)
        if not isinstance(entry, FolderDataset) or entry.path is None:
            return None
        path = Path(entry.path)
        if path.is_file():
            return fingerprint_listed(path, "path", root=path.parent, beside=["group"])
        return fingerprint_files(path, SUFFIXES)

    def column_fingerprint(self, dataset: str, column: str) -> str | None:
        """Changes when a column (label, split, caption) of an own CSV does."""
        entry = self._config.datasets[dataset]
        if isinstance(entry, CaptionedDataset):
            return csv_columns_digest(entry.captions, [column]) if column == "caption" else None
        if isinstance(entry, FolderDataset) and entry.path is not None and Path(entry.path).is_file():
            return csv_columns_digest(entry.path, [column])
        return None

    def parts(self, dataset: str) -> range:
        """The parts that a data set is tiled and embedded in."""
        return range(self._config.datasets[dataset].parts)

    def tiled(self, dataset: str) -> list[str]:
        return [self.paths.tiled(dataset, i, len(self.parts(dataset))) for i in self.parts(dataset)]

    # --------------------------------------------------------------------------------------------------- corpora

    def corpus_entry(self, corpus: str) -> dict[str, Any]:
        return plain(self._config.corpora[corpus])

    def corpus_fingerprint(self, corpus: str) -> str | None:
        """Changes when an own report does."""
        entry = self._config.corpora[corpus]
        return fingerprint_files(entry.path) if isinstance(entry, TextCorpus) else None

    # ---------------------------------------------------------------------------------------- backbones, retrievers

    def backbone(self, backbone: str) -> dict[str, Any] | str:
        """How a job loads a backbone: {"name", "image_size", "pretrained"}, or {"retriever": …}, or "colour"."""
        if backbone == COLOUR:
            return COLOUR
        entry = self._config.backbones[backbone]
        if isinstance(entry, TimmBackbone):
            return {"name": entry.name, "image_size": entry.image_size, "pretrained": entry.pretrained}
        if entry.kind == "retriever":
            return {"retriever": self.retriever(entry.retriever)}
        return {"name": f"local-dir:{self.paths.model(backbone)}", "image_size": None, "pretrained": True}

    def backbone_files(self, backbone: str) -> list[str]:
        """Files of the results folder that loading a backbone reads."""
        if backbone == COLOUR:
            return []
        entry = self._config.backbones[backbone]
        if entry.kind == "simclr":
            return [self.paths.backbone_weights(backbone)]
        return self.retriever_files(entry.retriever) if entry.kind == "retriever" else []

    def backbone_fingerprint(self, backbone: str) -> str | None:
        """Changes when the files of a `local-dir:` backbone do."""
        if backbone == COLOUR:
            return None
        entry = self._config.backbones[backbone]
        if isinstance(entry, RetrieverBackbone):
            return self.retriever_fingerprint(entry.retriever)
        return _local_dir(entry.name) if isinstance(entry, TimmBackbone) else None

    def inference(self, section: str, name: str) -> dict[str, Any]:
        """How an encoder runs: batch, precision, device, threads."""
        entry = None if name == COLOUR else getattr(self._config, section)[name]
        return {
            "batch": getattr(entry, "batch", 256),
            "precision": getattr(entry, "precision", "fp32"),
            "device": self.device,
            "threads": self._config.compute.threads,
        }

    def backbone_settings(self, backbone: str) -> dict[str, Any]:
        """How a backbone is trained here."""
        return _without(plain(self._config.backbones[backbone]), {"kind", "dataset", "precision"})

    def retriever_settings(self, retriever: str) -> dict[str, Any]:
        """How a retriever is trained here."""
        settings = _without(plain(self._config.retrievers[retriever]), {"kind", "captioned", "image", "precision"})
        return settings | ({} if isinstance(settings["text"], str) else {"text": {"words": settings["text"]}})

    def retriever(self, retriever: str) -> dict[str, str]:
        """How a job loads a retriever: {"kind", "name"}."""
        entry = self._config.retrievers[retriever]
        name = entry.name if isinstance(entry, OpenClipRetriever) else self.paths.model(retriever)
        return {"kind": entry.kind, "name": name}

    def retriever_files(self, retriever: str) -> list[str]:
        """Files of the results folder that loading a retriever reads."""
        entry = self._config.retrievers[retriever]
        if isinstance(entry, OpenClipRetriever):
            return []
        return [self.paths.retriever_sentinel(retriever), *self.backbone_files(entry.image)]

    def retriever_fingerprint(self, retriever: str) -> str | None:
        """Changes when the files of a `local-dir:` retriever, or of one of its towers, do."""
        entry = self._config.retrievers[retriever]
        if isinstance(entry, OpenClipRetriever):
            return _local_dir(entry.name)
        text = fingerprint_files(entry.text) if isinstance(entry.text, str) else None
        return json_digest([self.backbone_fingerprint(entry.image), text])

    def image_embeddings(self, retriever: str, dataset: str) -> list[str]:
        """The parts of a data set's embeddings, in order."""
        parts = self.parts(dataset)
        return [self.paths.image_embeddings_part(retriever, dataset, i, len(parts)) for i in parts]

    # ------------------------------------------------------------------------------------------------------ runs

    def target_files(self, run: Run) -> dict[str, Any]:
        """The files that a run's target is made from, by the names that the training stage knows them under."""
        if run.target is None or run.retriever is None:
            return {}
        if run.corpus is None or run.pairing is None:
            return {"image_embeddings": self.image_embeddings(run.retriever, run.dataset)}
        return {
            "pairs": self.paths.pairs(run.dataset, run.corpus, run.retriever, run.pairing),
            "report_embeddings": self.paths.report_embeddings(run.retriever, run.corpus),
        }

    def student_inputs(self, run: Run) -> dict[str, Any]:
        """What a student is trained from besides its data set."""
        files: dict[str, Any] = {"backbone": self.backbone_files(run.backbone)}
        if run.probe is not None:
            files["probe"] = self.paths.run_file("probe.safetensors", **run.probe.wildcards)
        if run.teacher is not None:
            files["teacher"] = self.paths.run_file("teacher.safetensors", **run.teacher.wildcards)
        return files | self.target_files(run)

    def pairing(self, pairing: str) -> dict[str, Any]:
        return plain(self._plan.pairings[pairing])

    def compared(self, experiment: str) -> list[dict[str, Any]]:
        """What a table compares: a run and its files in each row."""
        return [
            {
                "row": dict(row.combination),
                "variant": row.run.variant,
                "seed": row.run.seed,
                "metrics": self.paths.run_file("metrics.json", **row.run.wildcards),
                "predictions": self.paths.run_file("predictions.parquet", **row.run.wildcards),
                "student": self._student_file(row.run, "student.json"),
                "history": self._student_file(row.run, "history.csv"),
            }
            for row in self._plan.tables[experiment]
        ]

    def compared_files(self, experiment: str) -> list[str]:
        """The files that a table is made from, each once."""
        keys = ("metrics", "predictions", "student")
        return list(dict.fromkeys(row[key] for row in self.compared(experiment) for key in keys if row[key]))

    def _student_file(self, run: Run, name: str) -> str | None:
        """A file that only students have."""
        return self.paths.run_file(name, **run.wildcards) if VARIANTS[run.variant].trains == "student" else None

    def truth(self, dataset: str, corpus: str) -> dict[str, str]:
        """The phantom's truth, where both sides are of the phantom."""
        if self._config.datasets[dataset].source != "phantom" or self._config.corpora[corpus].source != "phantom":
            return {}
        return {"image_truth": self.paths.image_truth(dataset), "report_truth": self.paths.report_truth(corpus)}

    # ---------------------------------------------------------------------------------------------------- report

    def report_files(self) -> list[str]:
        """Every file that the report shows."""
        files = [
            row[key] for title in self._plan.tables for row in self.compared(title) for key in ("history", "student")
        ]
        files += [audit["audit"] for title in self._plan.tables for audit in self._audits(title)]
        montages = [self._montage(title) for title in self._plan.tables]
        files += [file for shown in montages for key, file in (shown or {}).items() if key != "store"]
        return list(dict.fromkeys(file for file in files if file))

    def configuration_digest(self) -> str:
        """A digest of every run's names and settings, the same on every machine."""
        return json_digest(sorted("/".join(key) for key in self._plan.runs))

    def report_content(self) -> dict[str, Any]:
        """What the report shows of each experiment, and whether it may show report texts."""
        return {
            "experiments": [
                {
                    "name": title,
                    "title": title.replace("_", " "),
                    "table_json": self.paths.table(title, "json"),
                    "runs": self.compared(title),
                    "audits": self._audits(title),
                    "montage": self._montage(title),
                }
                for title in self._plan.tables
            ],
            "meanings": {name: variant.meaning for name, variant in VARIANTS.items()},
            "show_text": self._show_text(),
            "synthetic": any(self.synthetic(title) for title in self._plan.tables),
        }

    def synthetic(self, experiment: str) -> bool:
        """Whether an experiment rests on the phantom."""
        rows = self._plan.tables[experiment]
        return any(self._config.datasets[row.run.dataset].source == "phantom" for row in rows)

    def _show_text(self) -> bool:
        """Own reports may be confidential: unless told otherwise, their texts and ids stay out of every page."""
        if self._config.report.show_text is not None:
            return self._config.report.show_text
        corpora = {row.run.corpus for rows in self._plan.tables.values() for row in rows if row.run.corpus}
        return not any(isinstance(self._config.corpora[corpus], TextCorpus) for corpus in corpora)

    def _paired(self, experiment: str) -> dict[tuple[str, str, str, str], None]:
        """The pairings that an experiment's runs distil from, in order, each once."""
        runs = [row.run for row in self._plan.tables[experiment]]
        return {
            (r.dataset, r.corpus, r.retriever, r.pairing): None for r in runs if r.corpus and r.retriever and r.pairing
        }

    def _audits(self, experiment: str) -> list[dict[str, str]]:
        """The audits to show: of the pairings that were chosen, then of one random draw to hold beside them."""
        keys = list(self._paired(experiment))
        drawn = [key for key in keys if self._plan.pairings[key[3]].method == "random"]
        shown = [key for key in keys if key not in drawn] + drawn[:1]
        return [{"pairing": key[3], "audit": self.paths.audit(*key)} for key in shown]

    def _montage(self, experiment: str) -> dict[str, str] | None:
        """The files behind the pictures of patches with their reports: of the first pairing that is no control."""
        for dataset, corpus, retriever, pairing in self._paired(experiment):
            if self._plan.pairings[pairing].method != "random":
                return {
                    "store": self.paths.store(dataset),
                    "patches": self.paths.patches(dataset),
                    "labels": self.paths.labels(dataset),
                    "pairs": self.paths.pairs(dataset, corpus, retriever, pairing),
                    "reports": self.paths.reports(corpus),
                }
        return None


def _without(entry: Mapping[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in keys}


def plain(entry: Strict) -> dict[str, Any]:
    """An entry as plain data with sorted keys, whatever their order in the file."""
    return _sorted(entry.model_dump(by_alias=True))


def _sorted(value: Any) -> Any:
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


def _local_dir(name: str) -> str | None:
    kind, _, path = name.partition(":")
    return fingerprint_files(path) if kind == "local-dir" else None
