"""Binds the rule `report` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.reporting.build import build_report

    build_report(
        snakemake.output[0],
        **snakemake.params.content,
        origin=Origin("report", {"configuration": snakemake.params.configuration}, snakemake.params.code),
    )
