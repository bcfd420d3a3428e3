"""What the rules that compare ask of the configuration: the runs of a table, and what is told beside its numbers."""

from typing import Any

from clipit.config.literature import published
from clipit.config.runs import Run
from clipit.config.variants import VARIANTS
from clipit.workflow.bind_pairs import PairBinding
from clipit.workflow.overlap import overlaps


class CompareBinding(PairBinding):
    """Look-ups over the tables of one configuration."""

    def compared(self, experiment: str) -> list[dict[str, Any]]:
        """What a table compares: a run and its files in each row."""
        return [
            {
                "row": dict(row.combination),
                "variant": row.run.variant,
                "seed": row.run.seed,
                "candidate": dict(row.candidate),
                "metrics": self.paths.run_file("metrics.json", **row.run.wildcards),
                "predictions": self.paths.run_file("predictions.parquet", **row.run.wildcards),
                "student": self._student_file(row.run, "student.json"),
                "history": self._student_file(row.run, "history.csv"),
                "extra": {
                    extra.id: {
                        name: self.paths.extra_file(f"{name}.{suffix}", **row.run.wildcards, extra=extra.id)
                        for name, suffix in (("metrics", "json"), ("predictions", "parquet"))
                    }
                    for extra in self._config.experiments[experiment].extra_tests
                },
            }
            for row in self._plan.tables[experiment]
        ]

    def compared_files(self, experiment: str) -> list[str]:
        """The files that a table is made from, each once."""
        keys = ("metrics", "predictions", "student")
        rows = self.compared(experiment)
        files = [row[key] for row in rows for key in keys if row[key]]
        files += [file for row in rows for tested in row["extra"].values() for file in tested.values()]
        return list(dict.fromkeys(files))

    def extra_tests(self, experiment: str) -> list[dict[str, str]]:
        """The extra tests of an experiment: their ids, and what a table says of each."""
        return [
            {"id": extra.id, "dataset": extra.dataset, "split": extra.split}
            for extra in self._config.experiments[experiment].extra_tests
        ]

    def _student_file(self, run: Run, name: str) -> str | None:
        """A file that only students have."""
        return self.paths.run_file(name, **run.wildcards) if VARIANTS[run.variant].trains == "student" else None

    def overlaps(self, experiment: str) -> list[str]:
        """Cautions on models that were pretrained on what an experiment's images or reports are drawn from."""
        extras = [extra["dataset"] for extra in self.extra_tests(experiment)]
        return overlaps(self._config, self._plan.tables[experiment], extras)

    def published(self, experiment: str) -> list[dict[str, Any]]:
        """Published numbers of an experiment's data sets, backbones and variants."""
        rows = self._plan.tables[experiment]
        return published((row.run.dataset, row.run.backbone, row.run.variant) for row in rows if row.run.has_backbone)

    def synthetic(self, experiment: str) -> bool:
        """Whether an experiment rests on the phantom."""
        rows = self._plan.tables[experiment]
        return any(self._config.datasets[row.run.dataset].source == "phantom" for row in rows)
