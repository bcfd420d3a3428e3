"""What the explorer reads of a configuration's pairings."""

from collections.abc import Iterable, Mapping
from typing import Any

from clipit.artifacts.paths import Paths
from clipit.config.names import DRAWN


def explored(pairings: Iterable[tuple[str, str, str, str]], paths: Paths) -> dict[str, Any]:
    """{"datasets", "corpora", "collections"} as `reporting.explorer.build_explorer` takes them.

    `pairings` are (data set, corpus, retriever, pairing). All pairings of the same three are one collection, each once,
    in order; those that were drawn come last.
    """
    methods: dict[tuple[str, str, str], dict[str, None]] = {}
    for dataset, corpus, retriever, pairing in pairings:
        methods.setdefault((dataset, corpus, retriever), {})[pairing] = None
    return {
        "datasets": {
            dataset: {
                "store": paths.store(dataset),
                "patches": paths.patches(dataset),
                "splits": paths.splits(dataset),
                "labels": paths.labels(dataset),
            }
            for dataset, _, _ in methods
        },
        "corpora": {corpus: paths.reports(corpus) for _, corpus, _ in methods},
        "collections": [
            {
                "dataset": dataset,
                "corpus": corpus,
                "retriever": retriever,
                "report_embeddings": paths.report_embeddings(retriever, corpus),
                "methods": [
                    {"name": name, "pairs": paths.pairs(dataset, corpus, retriever, name)}
                    for name in sorted(names, key=lambda name: name.startswith(DRAWN))
                ],
            }
            for (dataset, corpus, retriever), names in methods.items()
        ],
    }


def explored_files(content: Mapping[str, Any], paths: Paths) -> list[str]:
    """The files that the explorer is made from, each once; of a patch store, the one that declares it finished."""
    files = [paths.store_success(dataset) for dataset in content["datasets"]]
    files += [file for known in content["datasets"].values() for name, file in known.items() if name != "store"]
    files += content["corpora"].values()
    for collection in content["collections"]:
        files += [collection["report_embeddings"], *(method["pairs"] for method in collection["methods"])]
    return list(dict.fromkeys(files))
