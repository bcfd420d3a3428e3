"""Binds the rule `triage` to the library."""

from pathlib import Path

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.triage.triage import triage

    triage(
        snakemake.params.contexts,
        Path(snakemake.output[0]),
        synthetic=snakemake.params.synthetic,
        cautions=snakemake.params.cautions,
        origin=Origin("triage", {"experiment": snakemake.wildcards.experiment}, snakemake.params.code),
    )
