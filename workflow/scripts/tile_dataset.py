"""Binds the rule `tile_dataset` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.described import described
    from clipit.artifacts.provenance import Origin
    from clipit.tiling.tile import tile_dataset

    tile_dataset(
        snakemake.params.entry,
        snakemake.input.listed,
        snakemake.params.store,
        snakemake.output[0],
        part=int(snakemake.wildcards.i),
        parts=int(snakemake.wildcards.n),
        threads=snakemake.threads,
        origin=Origin("tile_dataset", described(snakemake.params.entry), snakemake.params.code),
    )
