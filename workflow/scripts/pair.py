"""Binds the rule `pair` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], snakemake.params.threads):
    from clipit.artifacts.provenance import Origin
    from clipit.pairing.pair import pair

    pair(
        snakemake.input.images,
        snakemake.input.reports,
        snakemake.output[0],
        **snakemake.params.pairing,
        threads=snakemake.params.threads,
        origin=Origin("pair", snakemake.params.pairing, snakemake.params.code),
    )
