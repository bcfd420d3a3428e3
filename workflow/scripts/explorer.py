"""Binds the rule `explorer` to the library."""

from pathlib import Path

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.reporting.explorer import build_explorer

    build_explorer(
        Path(snakemake.output[0]), **snakemake.params.content, origin=Origin("explorer", code=snakemake.params.code)
    )
