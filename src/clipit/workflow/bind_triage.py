"""What the rule `triage` asks of the configuration."""

from typing import Any

from clipit.config.expand import Plan, Triaged
from clipit.workflow.bind import Binding
from clipit.workflow.bind_pairs import files_of

_SHARED = ("patches", "splits", "labels", "image_embeddings", "class_prompts", "report_embeddings", "floor")


class TriageBinding:
    """Look-ups over what triage judges in one configuration."""

    def __init__(self, binding: Binding, plan: Plan) -> None:
        self._binding, self._plan, self._paths = binding, plan, binding.paths

    def contexts(self, experiment: str) -> list[dict[str, Any]]:
        """What `clipit.triage.triage` judges: every data set, corpus and retriever with its pairings."""
        contexts: dict[tuple[str, ...], dict[str, Any]] = {}
        for one in self._plan.triage[experiment]:
            context = contexts.setdefault(one.pairs[:3], self._context(one))
            context["pairings"].append(
                {
                    "pairing": one.pairs.pairing,
                    "method": self._binding.method(one.pairs.pairing),
                    "control": self._binding.is_control(one.pairs.pairing),
                    "chosen": one.chosen,
                    "pairs": self._paths.pairs(*one.pairs),
                    "teacher": self._paths.run_file("predictions.parquet", **one.teacher.wildcards),
                }
            )
        return list(contexts.values())

    def files(self, experiment: str) -> list[str]:
        """The files that triage reads, each once."""
        contexts = self.contexts(experiment)
        pairings = [pairing for context in contexts for pairing in context["pairings"]]
        return list(dict.fromkeys([*files_of(contexts, _SHARED), *files_of(pairings, ("pairs", "teacher"))]))

    def _context(self, one: Triaged) -> dict[str, Any]:
        dataset, corpus, retriever, _ = one.pairs
        tower = self._binding.image_retriever(retriever)
        return {
            "row": {"dataset": dataset, "corpus": corpus, "retriever": retriever},
            "patches": self._paths.patches(dataset),
            "splits": self._paths.splits(dataset),
            "labels": self._paths.labels(dataset),
            "image_embeddings": self._binding.image_embeddings(retriever, dataset),
            "class_prompts": self._paths.class_prompts(tower, dataset),
            "report_embeddings": self._paths.report_embeddings(retriever, corpus),
            "floor": self._paths.run_file("predictions.parquet", **one.floor.wildcards),
            "pairings": [],
        }
