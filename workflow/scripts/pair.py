"""Binds the rule `pair` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], snakemake.params.threads, gpus=snakemake.resources.gpu):
    from clipit.artifacts.provenance import Origin
    from clipit.pairing.pair import pair

    files = dict(snakemake.input.items())
    pair(
        files.pop("images"),
        files.pop("reports"),
        snakemake.output[0],
        **snakemake.params.pairing,
        files=files,
        threads=snakemake.params.threads,
        device=snakemake.params.device,
        origin=Origin("pair", snakemake.params.pairing, snakemake.params.code),
    )
