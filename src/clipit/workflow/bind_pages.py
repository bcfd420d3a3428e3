"""What the pages ask of the configuration: what the report, the explorer and `explain` show, and of which files."""

from typing import Any

from clipit.artifacts.described import described
from clipit.artifacts.provenance import json_digest
from clipit.config.corpora import TextCorpus
from clipit.config.expand import Plan
from clipit.config.experiment import Config
from clipit.config.variants import VARIANTS
from clipit.workflow.bind import Binding
from clipit.workflow.bind_cost import costs
from clipit.workflow.bind_explained import explained, explained_files
from clipit.workflow.bind_explorer import explored, explored_files
from clipit.workflow.check import planned_entries
from clipit.workflow.entries import plain
from clipit.workflow.terms import parts_of_pairs, parts_of_run, terms


class PageBinding:
    """Look-ups over what is shown of one configuration."""

    def __init__(self, binding: Binding, config: Config, plan: Plan) -> None:
        self._binding, self._config, self._plan, self.paths = binding, config, plan, binding.paths

    def report_files(self) -> list[str]:
        """Every file that the report shows."""
        files = [
            row[key]
            for title in self._plan.tables
            for row in self._binding.compared(title)
            for key in ("history", "predictions", "student")
        ]
        files += [audit["audit"] for title in self._plan.tables for audit in self._binding.audits(title)]
        files += [shown["slides"] for title in self._plan.tables for shown in self._slides(title)]
        files += [file for embedded in self._binding.embedding_times() for file in embedded["files"]]
        files += [cost["file"] for cost in costs(self._plan, self.paths)]
        files += [file for title in self._plan.tables for file in (self._explained_outputs(title) or {}).values()]
        montages = [self._montage(title) for title in self._plan.tables]
        files += [file for shown in montages if shown for key, file in shown["files"].items() if key != "store"]
        return list(dict.fromkeys(file for file in files if file))

    def explained(self, experiment: str) -> dict[str, Any] | None:
        """What `explain` is asked of an experiment, and how its models run; None where nothing is explained."""
        found = explained(self._binding.compared(experiment), self._montage(experiment), self.paths)
        return found and found | self._binding.inference("backbones", found["runs"][0]["row"]["backbone"])

    def explained_batch(self, experiment: str, attempt: int = 1) -> int:
        """`batch` of the backbone whose students are explained."""
        found = self.explained(experiment)
        return self._binding.batch("backbones", found["runs"][0]["row"]["backbone"], attempt) if found else 1

    def explained_files(self, experiment: str) -> list[str]:
        """Every file that `explain` reads."""
        found = self.explained(experiment)
        return explained_files(found, self.paths) if found else []

    def _explained_outputs(self, experiment: str) -> dict[str, str] | None:
        """What `explain` writes."""
        names = ("attributions", "embedding_map")
        written = {name: self.paths.explained(f"{name}.parquet", experiment) for name in names}
        return written if self.explained(experiment) else None

    def _used(self) -> dict[str, dict[str, Any]]:
        """The entries that runs and pairings use, section by section, without paths."""
        return {
            section: {name: described(plain(getattr(self._config, section)[name])) for name in names}
            for section, names in planned_entries(self._config, self._plan).items()
        }

    def _configuration(self) -> dict[str, Any]:
        """Every setting that was in force, defaults too, without paths."""
        experiments = {title: plain(self._config.experiments[title]) for title in self._plan.tables}
        return {"experiments": experiments, **{section: used for section, used in self._used().items() if used}}

    def configuration_digest(self) -> str:
        """A digest of all runs and pairings and what they use, without paths: the same on every machine."""
        used = self._used()
        pairings = {name: plain(pairing) for name, pairing in self._plan.pairings.items()}
        runs = sorted("/".join(key) for key in self._plan.runs)
        extras = [extra["id"] for title in self._plan.tables for extra in self._binding.extra_tests(title)]
        return json_digest([runs, self._plan.pairs, used, pairings, extras, self._config.compute.threads])

    def report_content(self) -> dict[str, Any]:
        """What the report shows of each experiment, and whether it may show report texts."""
        return {
            "experiments": [
                {
                    "name": title,
                    "title": title.replace("_", " "),
                    "table_json": self.paths.table(title, "json"),
                    "runs": self._binding.compared(title),
                    "audits": self._binding.audits(title),
                    "pairings_json": self.paths.pairing_table(title, "json") if self._plan.pairs[title] else None,
                    "montage": self._montage(title),
                    "explained": self._explained_outputs(title),
                    "slides": self._slides(title),
                }
                for title in self._plan.tables
            ],
            "meanings": {name: variant.meaning for name, variant in VARIANTS.items()},
            "show_text": self._show_text(),
            "explorer": bool(self._binding.all_pairings()),
            "embeddings": self._binding.embedding_times(),
            "costs": costs(self._plan, self.paths),
            "job_list": self.paths.job_list(),
            "sources": self._sources(),
            "configuration": self._configuration(),
            "synthetic": any(self._binding.synthetic(title) for title in self._plan.tables),
        }

    def explorer(self) -> list[str]:
        """The page to look at pairings, where there are any."""
        return [self.paths.report("explorer.html")] if self._binding.all_pairings() else []

    def explorer_content(self) -> dict[str, Any]:
        """What the explorer shows, and whether it may show report texts."""
        return explored(self._binding.all_pairings(), self.paths) | {
            "show_text": self._show_text(),
            "synthetic": any(self._binding.synthetic(title) for title in self._plan.tables),
        }

    def explorer_files(self) -> list[str]:
        """Every file that the explorer shows."""
        return explored_files(self.explorer_content(), self.paths)

    def _sources(self) -> list[dict[str, Any]]:
        """The terms of everything that the experiments use."""
        parts = [part for run in self._plan.runs.values() for part in parts_of_run(self._config, run)]
        parts += [part for pairs in self._binding.all_pairings() for part in parts_of_pairs(self._config, pairs)]
        extras = [extra["dataset"] for title in self._plan.tables for extra in self._binding.extra_tests(title)]
        parts += [("images and labels", name, self._config.datasets[name]) for name in extras]
        return terms(sorted(parts, key=lambda part: part[:2]))

    def _show_text(self) -> bool:
        """Own reports may be confidential: unless told otherwise, their texts and ids stay out of every page."""
        if self._config.report.show_text is not None:
            return self._config.report.show_text
        corpora = {corpus for _, corpus, _, _ in self._binding.all_pairings()}
        return not any(isinstance(self._config.corpora[corpus], TextCorpus) for corpus in corpora)

    def _slides(self, experiment: str) -> list[dict[str, str]]:
        """The pictures of slides to show: of the data sets that no experiment before this one has."""
        before = list(self._plan.tables)[: list(self._plan.tables).index(experiment)]
        shown = {row.run.dataset for title in before for row in self._plan.tables[title]}
        datasets = dict.fromkeys(row.run.dataset for row in self._plan.tables[experiment])
        return [
            {"dataset": dataset, "slides": self.paths.slides(dataset)}
            for dataset in datasets
            if self._binding.has_slides(dataset) and dataset not in shown
        ]

    def _montage(self, experiment: str) -> dict[str, Any] | None:
        """The files behind the pictures of patches with their reports: of the first pairing that is no control."""
        pairs = self._binding.first_pairing(experiment)
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
