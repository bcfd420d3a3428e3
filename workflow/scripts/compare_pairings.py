"""Binds the rule `compare_pairings` to the library."""

from pathlib import Path

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.pairing.compare import compare_pairings

    compare_pairings(
        snakemake.params.pairings,
        Path(snakemake.output.csv),
        Path(snakemake.output.md),
        Path(snakemake.output.json),
        title=f"Pairings of {snakemake.wildcards.experiment}",
        synthetic=snakemake.params.synthetic,
        cautions=snakemake.params.cautions,
        origin=Origin("compare_pairings", {"experiment": snakemake.wildcards.experiment}, snakemake.params.code),
    )
