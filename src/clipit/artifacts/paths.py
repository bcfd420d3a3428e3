"""Every path under the results folder, and nowhere else.

Each method gives one path; called without arguments it gives Snakemake's pattern with the wildcards in braces.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Paths:
    """The layout of a results folder rooted at `root`."""

    root: str = "results"

    # download
    def download(self, download: str = "{download}", name: str = "") -> str:
        """A file (or what was unpacked) of a download; without a name, its folder."""
        return f"{self.root}/data/{download}/{name}".rstrip("/")

    def fetched(self, download: str = "{download}") -> str:
        return self.download(download, ".fetched.json")

    def downloaded(self, download: str = "{download}") -> str:
        return self.download(download, "_COMPLETE.json")

    def hub_model(self, repo: str = "{repo}") -> str:
        """A marker: the weights lie in the hub's own cache, shared by all projects."""
        return f"{self.root}/hub/{repo}.json"

    # tile
    def _patches(self, dataset: str, name: str) -> str:
        return f"{self.root}/patches/{dataset}/{name}"

    def store(self, dataset: str = "{dataset}") -> str:
        return self._patches(dataset, "patches.zarr")

    def items(self, dataset: str = "{dataset}") -> str:
        return self._patches(dataset, "items.parquet")

    def tiled(self, dataset: str = "{dataset}", i: str | int = "{i}", n: str | int = "{n}") -> str:
        return self._patches(dataset, f"tiled/part-{i}-of-{n}.parquet")

    def store_success(self, dataset: str = "{dataset}") -> str:
        return self._patches(dataset, "_SUCCESS.json")

    def patches(self, dataset: str = "{dataset}") -> str:
        return self._patches(dataset, "patches.parquet")

    def rejected(self, dataset: str = "{dataset}") -> str:
        return self._patches(dataset, "rejected.parquet")

    def splits(self, dataset: str = "{dataset}") -> str:
        return self._patches(dataset, "splits.parquet")

    def labels(self, dataset: str = "{dataset}") -> str:
        return self._patches(dataset, "labels.parquet")

    def captions(self, dataset: str = "{dataset}") -> str:
        return self._patches(dataset, "captions.parquet")

    def image_truth(self, dataset: str = "{dataset}") -> str:
        return self._patches(dataset, "truth.parquet")

    def slides(self, dataset: str = "{dataset}") -> str:
        return self._patches(dataset, "slides.parquet")

    # corpus
    def reports(self, corpus: str = "{corpus}") -> str:
        return f"{self.root}/corpora/{corpus}/reports.parquet"

    def report_truth(self, corpus: str = "{corpus}") -> str:
        return f"{self.root}/corpora/{corpus}/truth.parquet"

    # models trained here; each folder is a `local-dir:` model
    def model(self, model: str = "{model}") -> str:
        return f"{self.root}/models/{model}"

    def backbone_weights(self, backbone: str = "{backbone}") -> str:
        return f"{self.model(backbone)}/model.safetensors"

    def retriever_sentinel(self, retriever: str = "{retriever}") -> str:
        return f"{self.model(retriever)}/retriever.json"

    # embed
    def image_embeddings_part(
        self, retriever: str = "{retriever}", dataset: str = "{dataset}", i: str | int = "{i}", n: str | int = "{n}"
    ) -> str:
        return f"{self.root}/embeddings/{retriever}/{dataset}/part-{i}-of-{n}.parquet"

    def report_embeddings(self, retriever: str = "{retriever}", corpus: str = "{corpus}") -> str:
        return f"{self.root}/embeddings/{retriever}/{corpus}.parquet"

    # pair
    def _pairing(self, dataset: str, corpus: str, retriever: str, pairing: str, name: str) -> str:
        return f"{self.root}/pairs/{dataset}/{corpus}/{retriever}/{pairing}/{name}"

    def pairs(
        self,
        dataset: str = "{dataset}",
        corpus: str = "{corpus}",
        retriever: str = "{retriever}",
        pairing: str = "{pairing}",
    ) -> str:
        return self._pairing(dataset, corpus, retriever, pairing, "pairs.parquet")

    def audit(
        self,
        dataset: str = "{dataset}",
        corpus: str = "{corpus}",
        retriever: str = "{retriever}",
        pairing: str = "{pairing}",
    ) -> str:
        return self._pairing(dataset, corpus, retriever, pairing, "audit.json")

    def class_prompts(self, retriever: str = "{retriever}", dataset: str = "{dataset}") -> str:
        """Embeddings of a data set's classes as texts."""
        return f"{self.root}/embeddings/{retriever}/{dataset}/classes.parquet"

    # train
    def features(self, backbone: str = "{backbone}", dataset: str = "{dataset}") -> str:
        return f"{self.root}/features/{backbone}/{dataset}/features.parquet"

    def run_file(
        self,
        name: str,
        dataset: str = "{dataset}",
        backbone: str = "{backbone}",
        variant: str = "{variant}",
        run: str = "{run}",
        seed: str | int = "{seed}",
    ) -> str:
        """A file of one run. A teacher's `backbone` is the retriever whose embeddings it classifies."""
        return f"{self.root}/runs/{dataset}/{backbone}/{variant}/{run}/seed{seed}/{name}"

    def extra_file(self, name: str, extra: str = "{extra}", **run: Any) -> str:
        """A file of one run's test on another data set; `run` as `run_file` has it."""
        return self.run_file(f"extra/{extra}/{name}", **run)

    def checkpoints(self) -> str:
        """Where trainings that were cut off are found again; no job's output."""
        return f"{self.root}/checkpoints"

    def fuser(self, experiment: str) -> str:
        """The configuration that `clipit train-fuser` made; no job's output."""
        return f"{self.root}/fuser/{experiment}.yaml"

    # evaluate and report
    def table(self, experiment: str = "{experiment}", suffix: str = "csv") -> str:
        return f"{self.root}/tables/{experiment}.{suffix}"

    def pairing_table(self, experiment: str = "{experiment}", suffix: str = "json") -> str:
        """What the pairings of an experiment look like side by side; the dot sets it off from every experiment."""
        return f"{self.root}/tables/{experiment}.pairings.{suffix}"

    def cost(self, experiment: str = "{experiment}") -> str:
        """What a student costs in use: measured times, so not the same bytes twice."""
        return f"{self.root}/costs/{experiment}.json"

    def explained(self, name: str, experiment: str = "{experiment}") -> str:
        """What `explain` says of the models of an experiment."""
        return f"{self.root}/explained/{experiment}/{name}"

    def triage(self, experiment: str = "{experiment}") -> str:
        return f"{self.root}/triage/{experiment}.json"

    def report(self, name: str = "index.html") -> str:
        """`index.html` and `explorer.html`."""
        return f"{self.root}/report/{name}"

    def bench(self, name: str) -> str:
        return f"{self.root}/bench/{name}.json"

    def timing(self, name: str) -> str:
        """Seconds of each step of a job."""
        return f"{self.root}/benchmarks/{name}.json"

    # Snakemake's own
    def job_list(self) -> str:
        """The benchmarks of all planned jobs, rule by rule; no job's output."""
        return f"{self.root}/benchmarks/jobs.json"

    def code(self, digest: str) -> str:
        """Which modules a digest of code is made of, for `clipit why`."""
        return f"{self.root}/code/{digest}.json"

    def log(self, name: str) -> str:
        return f"{self.root}/logs/{name}.log"

    def benchmark(self, name: str) -> str:
        return f"{self.root}/benchmarks/{name}.tsv"
