"""A SLURM that really runs; without one the tests are skipped, or fail where CLIPIT_NEED_CLUSTER is set."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.slurm import missing, one_node_cluster

NEEDED = "CLIPIT_NEED_CLUSTER"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cluster of one node, which `sbatch` reaches."""
    if lacking := missing():
        reason = f"no SLURM can be started here, {', '.join(lacking)} is missing: install slurm-wlm and munge, be root"
        if os.environ.get(NEEDED):
            pytest.fail(reason)
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("slurm")
    with one_node_cluster(folder):
        yield
