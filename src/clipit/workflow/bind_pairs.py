"""What rules ask of the configuration about pairings: their settings, what audits and tables of them read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clipit.config.encoders import TextPolicyRetriever
from clipit.config.expand import Pairs, Plan
from clipit.config.experiment import Config
from clipit.workflow.bind_data import DataBinding
from clipit.workflow.entries import plain, without


class PairBinding(DataBinding):
    """Look-ups over the pairings of one configuration."""

    def __init__(self, config: Config, plan: Plan, project: Path, *, dry_run: bool = False) -> None:
        super().__init__(config, project, dry_run=dry_run)
        self._plan = plan

    def image_retriever(self, retriever: str) -> str:
        """The retriever whose image embeddings are used: itself, but for one that only reads reports in another way."""
        entry = self._config.retrievers[retriever]
        return entry.retriever if isinstance(entry, TextPolicyRetriever) else retriever

    def image_embeddings(self, retriever: str, dataset: str) -> list[str]:
        """The parts of a data set's embeddings, in order."""
        parts = self.parts(dataset)
        tower = self.image_retriever(retriever)
        return [self.paths.image_embeddings_part(tower, dataset, i, len(parts)) for i in parts]

    def pairing(self, pairing: str) -> dict[str, Any]:
        """How reports are chosen: the method, its own settings, and how many make up a target."""
        return _retrieval(plain(self._plan.pairings[pairing]))

    def pair_files(self, dataset: str, corpus: str, retriever: str, pairing: str) -> dict[str, Any]:
        """What a pairing is made from, by the names that the pairing stage knows it under."""
        entry = self._plan.pairings[pairing]
        files: dict[str, Any] = {
            "images": self.image_embeddings(retriever, dataset),
            "reports": self.paths.report_embeddings(retriever, corpus),
        }
        if entry.exclude_same_patient:
            files |= {"patches": self.paths.patches(dataset), "corpus": self.paths.reports(corpus)}
        if entry.fitted:
            files["splits"] = self.paths.splits(dataset)
        return files | (self.truth(dataset, corpus) if entry.method == "oracle" else {})

    def method(self, pairing: str) -> str:
        return self._plan.pairings[pairing].method

    def is_control(self, pairing: str) -> bool:
        """Whether nobody would choose a pairing: it bounds the others."""
        return self._plan.pairings[pairing].control

    def truth(self, dataset: str, corpus: str) -> dict[str, str]:
        """The phantom's truth, where both sides are of the phantom."""
        if self._config.datasets[dataset].source != "phantom" or self._config.corpora[corpus].source != "phantom":
            return {}
        return {"image_truth": self.paths.image_truth(dataset), "report_truth": self.paths.report_truth(corpus)}

    def audits(self, experiment: str) -> list[dict[str, Any]]:
        """The audits to show of an experiment."""
        return [{"row": pairs._asdict(), "audit": self.paths.audit(*pairs)} for pairs in self._plan.pairs[experiment]]

    def compared_pairings(self, experiment: str) -> list[dict[str, Any]]:
        """What a table of pairings compares: a pairing and its files in each row."""
        return [
            {
                "row": pairs._asdict(),
                "method": self.method(pairs.pairing),
                "control": self.is_control(pairs.pairing),
                "pairs": self.paths.pairs(*pairs),
                "audit": self.paths.audit(*pairs),
                "report_embeddings": self.paths.report_embeddings(pairs.retriever, pairs.corpus),
                "patches": self.paths.patches(pairs.dataset),
                "splits": self.paths.splits(pairs.dataset),
                "truth": self.truth(pairs.dataset, pairs.corpus),
            }
            for pairs in self._plan.pairs[experiment]
        ]

    def compared_pairing_files(self, experiment: str) -> list[str]:
        """The files that a table of pairings is made from, each once."""
        keys = ("pairs", "audit", "report_embeddings", "patches", "splits", "truth")
        return files_of(self.compared_pairings(experiment), keys)

    def pairing_tables(self, suffixes: Sequence[str] = ("csv", "md", "json")) -> list[str]:
        """The tables of pairings, of the experiments that have any."""
        shown = [experiment for experiment, pairs in self._plan.pairs.items() if pairs]
        return [self.paths.pairing_table(experiment, suffix) for experiment in shown for suffix in suffixes]

    def all_pairings(self) -> list[Pairs]:
        """The pairings that any experiment shows, in order, each once."""
        return list(dict.fromkeys(pairs for shown in self._plan.pairs.values() for pairs in shown))

    def embedding_times(self) -> list[dict[str, Any]]:
        """The timings of every embedding that any experiment shows, by what was embedded."""
        found: dict[str, list[str]] = {}
        for dataset, corpus, retriever, _ in self.all_pairings():
            tower, parts = self.image_retriever(retriever), self.parts(dataset)
            found[f"{dataset} by {tower}"] = [
                self.paths.timing(f"embed_images/{tower}/{dataset}/part-{i}-of-{len(parts)}") for i in parts
            ]
            found[f"{corpus} by {retriever}"] = [self.paths.timing(f"embed_reports/{retriever}/{corpus}")]
        return [{"what": what, "files": files} for what, files in found.items()]

    def first_pairing(self, experiment: str) -> Pairs | None:
        """The first pairing of an experiment that is no control."""
        return next((pairs for pairs in self._plan.pairs[experiment] if not self.is_control(pairs.pairing)), None)


def files_of(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[str]:
    """The files under `keys` of `rows`, each once; a key may hold one, a list or a mapping of them."""
    found: list[str] = []
    for row in rows:
        for key in keys:
            value = row[key]
            found += [value] if isinstance(value, str) else value.values() if isinstance(value, dict) else value
    return list(dict.fromkeys(found))


def _retrieval(entry: dict[str, Any]) -> dict[str, Any]:
    settings = without(entry, {"exclude_same_patient"})
    shared = {key: settings.pop(key) for key in ("method", "k", "temperature") if key in settings}
    if "of" in settings:
        dealt = _retrieval(settings["of"])
        settings["of"] = {"method": dealt["method"], "settings": dealt["settings"]}
    return shared | {"settings": settings}
