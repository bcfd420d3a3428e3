"""Published numbers (literature.yaml beside this file), and which of them belong beside an experiment's."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter

from clipit.config.strict import Strict


class Publication(Strict):
    """One source; data sets, backbones and variants by their names here, values in percent."""

    title: str
    metric: Literal["accuracy", "balanced_accuracy"]
    """What it reports, by our name for it."""
    runs: int
    """Runs that its means and standard deviations are of."""
    tested_on: dict[str, str]
    checkpoint_chosen_on: dict[str, str]
    """The split that chose its checkpoint: where that is the tested one, its numbers are optimistic."""
    values: dict[str, dict[str, dict[str, tuple[float, float | None]]]]
    """Backbone, data set, variant: mean and standard deviation."""


@cache
def read_literature() -> dict[str, Publication]:
    """The publications, by name."""
    raw = yaml.safe_load((Path(__file__).parent / "literature.yaml").read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, Publication]).validate_python(raw)


def published(keys: Iterable[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """What was published for each (dataset, backbone, variant) of `keys`, shares in 0..1, in the order of `keys`."""
    return [
        {
            "dataset": dataset,
            "backbone": backbone,
            "variant": variant,
            "source": source.title,
            "metric": source.metric,
            "value": value[0] / 100,
            "std": None if value[1] is None else value[1] / 100,
            "runs": source.runs,
            "tested_on": source.tested_on[dataset],
            "checkpoint_chosen_on": source.checkpoint_chosen_on[dataset],
        }
        for dataset, backbone, variant in dict.fromkeys(keys)
        for source in read_literature().values()
        if (value := source.values.get(backbone, {}).get(dataset, {}).get(variant)) is not None
    ]
