"""What the rules that train ask of the configuration: what a run reads, and the values handed to its script."""

from typing import Any

from clipit.config.encoders import RetrieverBackbone
from clipit.config.experiment import Config, ExtraTest
from clipit.config.names import TEXT_TEACHER
from clipit.config.runs import Run
from clipit.config.variants import VARIANTS
from clipit.encoders.retriever_kinds import LOADERS
from clipit.workflow.bind import Binding
from clipit.workflow.entries import plain, without


class RunBinding:
    """Look-ups over the runs of one configuration."""

    def __init__(self, binding: Binding, config: Config) -> None:
        self._binding, self._config, self._paths = binding, config, binding.paths

    def probe_features(self, run: Run, dataset: str | None = None) -> list[str]:
        """What a probe looks at: features of a backbone or of colour, or a retriever's image embeddings.

        They are of the run's own data set, or of the one that is named.
        """
        dataset = dataset or run.dataset
        if run.retriever is not None:
            return self._binding.image_embeddings(run.retriever, dataset)
        return [self._paths.features(run.backbone, dataset)]

    def classifier_files(self, run: Run, extra: str) -> dict[str, Any]:
        """What a run's model is tested on another data set from, by the names that `predict_extra` knows."""
        dataset = self.extra_test(extra).dataset
        files: dict[str, Any] = {
            "patches": self._paths.patches(dataset),
            "splits": self._paths.splits(dataset),
            "labels": self._paths.labels(dataset),
            "success": self._paths.store_success(dataset),
        }
        match self.kind(run):
            case "student":
                weights = self._paths.run_file("student.safetensors", **run.wildcards)
                return files | {"model": self._paths.run_file("student.json", **run.wildcards), "weights": weights}
            case "probe":
                files["model"] = self._paths.run_file("probe.safetensors", **run.wildcards)
            case "zeroshot":
                files["model"] = self._paths.class_prompts(run.backbone, run.dataset)
        return files | {"vectors": self.probe_features(run, dataset)}

    def kind(self, run: Run) -> str:
        """What a run's model is: a student, a probe, or a retriever without training (zeroshot)."""
        return VARIANTS[run.variant].trains

    def extra_test(self, extra: str) -> ExtraTest:
        """The extra test of that id."""
        found = (e for experiment in self._config.experiments.values() for e in experiment.extra_tests)
        return next(e for e in found if e.id == extra)

    def extra_entry(self, extra: str) -> dict[str, Any]:
        """Of which patches it is, and what their classes count as."""
        return without(plain(self.extra_test(extra)), {"dataset"})

    def target_files(self, run: Run) -> dict[str, Any]:
        """The files that a run's target is made from, by the names that the training stage knows them under."""
        if run.target is None or run.retriever is None:
            return {}
        if run.target in ("image", "class_prompt"):
            files: dict[str, Any] = {"image_embeddings": self._binding.image_embeddings(run.retriever, run.dataset)}
            if run.target == "class_prompt":
                files["class_prompts"] = self._paths.class_prompts(run.retriever, run.dataset)
            return files
        assert run.corpus is not None
        reports = {"report_embeddings": self._report_embeddings(run)}
        if run.pairing is None:
            return reports
        return {"pairs": self._paths.pairs(run.dataset, run.corpus, run.retriever, run.pairing), **reports}

    def text_teacher_files(self, run: Run) -> dict[str, Any]:
        """What a teacher that adapts the text tower reads besides its data set."""
        assert run.corpus is not None
        return {**self.target_files(run), "reports": self._paths.reports(run.corpus)}

    def student_files(self, run: Run) -> dict[str, Any]:
        """What a student is trained from besides its data set, by the names that `train_student` knows."""
        files = self.target_files(run)
        if run.probe is not None:
            files["probe"] = self._paths.run_file("probe.safetensors", **run.probe.wildcards)
        if run.teacher is not None:
            files["teacher"] = self._paths.run_file("teacher.safetensors", **run.teacher.wildcards)
        if run.labeller is not None:
            files["labeller"] = self._paths.run_file("student.json", **run.labeller.wildcards)
        if run.settings["lora"] is None:
            files["features"] = self._paths.features(run.backbone, run.dataset)
        if run.settings["text_lora"] is not None and run.corpus is not None:
            files["reports"] = self._paths.reports(run.corpus)
        if run.settings["form"] == "contrastive":
            entry = self._config.backbones[run.backbone]
            assert isinstance(entry, RetrieverBackbone)
            tower = self._binding.image_retriever(entry.retriever)
            files["prompts"] = self._paths.class_prompts(tower, run.dataset)
        return files

    def text_retriever(self, run: Run) -> str | None:
        """The retriever whose text tower trains with a run."""
        trains = run.settings["text_lora"] is not None or run.variant == TEXT_TEACHER
        return run.retriever if trains else None

    def retriever(self, run: Run) -> dict[str, Any] | None:
        """How a job loads that retriever."""
        name = self.text_retriever(run)
        return None if name is None else self._binding.retriever(name)

    def model_files(self, run: Run) -> list[str]:
        """Files of the results folder that loading a run's models reads."""
        name = self.text_retriever(run)
        files = [] if run.variant == TEXT_TEACHER else self._binding.backbone_files(run.backbone)
        return files + ([] if name is None else self._binding.retriever_files(name))

    def fingerprint(self, run: Run) -> list[str | None]:
        """Changes when the files of a `local-dir:` model that a run loads do."""
        name = self.text_retriever(run)
        backbone = None if run.variant == TEXT_TEACHER else self._binding.backbone_fingerprint(run.backbone)
        return [backbone, None if name is None else self._binding.retriever_fingerprint(name)]

    def code(self, script: str, run: Run) -> str:
        """`code` of a script that loads a run's models."""
        entry = self._config.backbones.get(run.backbone)
        loaded = {entry.retriever} if isinstance(entry, RetrieverBackbone) else set()
        if name := self.text_retriever(run):
            loaded.add(name)
        kinds = {self._config.retrievers[self._binding.image_retriever(each)].kind for each in loaded}
        return self._binding.code(script, *sorted(LOADERS[kind].partition(":")[0] for kind in kinds))

    def _report_embeddings(self, run: Run) -> str:
        """The reports' embeddings: the retriever's own, or by the text tower that the teacher adapted."""
        assert run.retriever is not None
        assert run.corpus is not None
        if run.teacher is not None and run.teacher.variant == TEXT_TEACHER:
            return self._paths.run_file("report_embeddings.parquet", **run.teacher.wildcards)
        return self._paths.report_embeddings(run.retriever, run.corpus)


PROBES = "|".join(name for name, variant in VARIANTS.items() if variant.trains == "probe")
STUDENTS = "|".join(name for name, variant in VARIANTS.items() if variant.trains == "student")
ZEROSHOT = "|".join(name for name, variant in VARIANTS.items() if variant.trains == "zeroshot")
"""Variants by what trains them, as wildcard constraints."""
