"""Whether the patches on disk are still the ones that were written."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from clipit.artifacts.patch_check import verify
from clipit.artifacts.paths import Paths
from clipit.doctor.finding import Check, Finding
from clipit.runtime.errors import UserError


def store_checks(results: str, datasets: list[str]) -> Iterator[Check]:
    """A check for each patch store of the planned runs that has been made; each reads all of it."""
    paths = Paths(results)
    for name in datasets:
        if Path(paths.store_success(name)).is_file():
            yield partial(_verified, f"patches of datasets.{name}", paths.store(name), paths.patches(name))


def _verified(subject: str, store: str, patches: str) -> Finding:
    try:
        changed = verify(store, patches)
    except UserError as error:
        detail, _, remedy = str(error).rpartition(": ")
        return Finding(subject, "FAIL", detail, remedy)
    if changed:
        remedy = f"delete {Path(store).parent} and run snakemake again"
        return Finding(subject, "FAIL", f"{len(changed):,} patches of {store} changed, {changed[0]} first", remedy)
    return Finding(subject, "PASS", f"every patch of {store} is as it was written")
