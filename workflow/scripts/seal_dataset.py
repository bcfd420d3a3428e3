"""Binds the rule `seal_dataset` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.tiling.tile import seal_dataset

    seal_dataset(
        snakemake.input.listed,
        snakemake.input.tiled,
        store=snakemake.params.store,
        size=snakemake.params.size,
        max_rejected=snakemake.params.max_rejected,
        out_patches=snakemake.output.patches,
        out_rejected=snakemake.output.rejected,
        out_success=snakemake.output.success,
        origin=Origin("seal_dataset", {"max_rejected": snakemake.params.max_rejected}, snakemake.params.code),
    )
