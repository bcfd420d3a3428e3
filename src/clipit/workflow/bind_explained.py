"""What the rule `explain` asks of the configuration: runs and files of the row that the report shows pictures of."""

from collections.abc import Mapping, Sequence
from typing import Any

from clipit.artifacts.paths import Paths
from clipit.evaluation.verdict import PRIMARY
from clipit.explaining.won_lost import sides

_OF_A_RUN = ("row", "variant", "seed", "candidate", "metrics", "predictions", "student")


def explained(
    runs: Sequence[Mapping[str, Any]], montage: Mapping[str, Any] | None, paths: Paths
) -> dict[str, Any] | None:
    """`files`, `runs`, `primary` and `row` as `explaining.explain.explain` takes them; None where nothing is explained.

    `runs` are those of an experiment's table, `montage` the pairing and files that its pictures are of.
    """
    pair = [] if montage is None else sides(runs, PRIMARY, montage["row"])
    if montage is None or not all(pair):
        return None
    files = {
        "store": montage["files"]["store"],
        "patches": montage["files"]["patches"],
        "features": paths.features(pair[0][0]["row"]["backbone"], montage["row"]["dataset"]),
    }
    taken = [{name: run[name] for name in _OF_A_RUN} for side in pair for run in side]
    return {"files": files, "runs": taken, "primary": list(PRIMARY), "row": montage["row"]}


def explained_files(content: Mapping[str, Any], paths: Paths) -> list[str]:
    """The files that are read, each once; of the store, the one that declares it finished."""
    files = [paths.store_success(content["row"]["dataset"])]
    files += [file for name, file in content["files"].items() if name != "store"]
    for run in content["runs"]:
        # Metrics choose among candidates; without any, a metric that was added explains nothing anew.
        files += [run["predictions"], run["student"], *([run["metrics"]] if run["candidate"] else [])]
    return list(dict.fromkeys(files))
