"""What a trained model was made of, with the terms of each part, for its model card."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clipit.artifacts.paths import Paths
from clipit.artifacts.tables import read_json
from clipit.config.expand import expand
from clipit.config.experiment import Config
from clipit.workflow.launch import read_config
from clipit.workflow.terms import parts_of_run, terms


def exported_with(files: Sequence[Path], folder: Path) -> dict[str, Any]:
    """What `prediction.export.export_student` is told of the run in `folder`, as far as it is known.

    Raises:
        UserError: the configuration in `files` is wrong.
    """
    config = read_config(files)
    sources, metrics = made_of(config, folder), folder / "metrics.json"
    if not sources:
        print(
            f"clipit: {', '.join(map(str, files))} plans no run {folder}, so the card cannot say what it was made of: "
            "name its configuration by --config",
            file=sys.stderr,
        )
    store = Path(Paths(config.results).store(str(sources[0]["name"]))) if sources else None
    return {
        "sources": sources,
        "synthetic": bool(sources) and config.datasets[str(sources[0]["name"])].source == "phantom",
        "metrics": read_json(metrics) if metrics.is_file() else None,
        "store": store if store is not None and store.is_dir() else None,
    }


def made_of(config: Config, folder: Path) -> list[dict[str, Any]]:
    """`terms` of what the run in `folder` read, also through others; none where the configuration plans no such run."""
    paths = Paths(config.results)
    planned = expand(config).runs.items()
    at = {Path(paths.run_file("", *key)).resolve(): run for key, run in planned}
    run = at.get(folder.resolve())
    return [] if run is None else terms(parts_of_run(config, run))
