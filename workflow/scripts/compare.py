"""Binds the rule `compare` to the library."""

from pathlib import Path

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.evaluation.compare import compare

    compare(
        snakemake.params.runs,
        Path(snakemake.output.csv),
        Path(snakemake.output.md),
        Path(snakemake.output.json),
        synthetic=snakemake.params.synthetic,
        cautions=snakemake.params.cautions,
        published=snakemake.params.published,
        extra_tests=snakemake.params.extra_tests,
        origin=Origin("compare", {"experiment": snakemake.wildcards.experiment}, snakemake.params.code),
    )
