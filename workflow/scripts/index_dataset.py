"""Binds the rule `index_dataset` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.described import described
    from clipit.artifacts.provenance import Origin, marker_digests
    from clipit.tiling.tile import index_dataset

    index_dataset(
        snakemake.params.entry,
        snakemake.params.store,
        snakemake.output[0],
        origin=Origin(
            "index_dataset",
            described(snakemake.params.entry),
            snakemake.params.code,
            inputs=marker_digests(snakemake.input),
        ),
    )
