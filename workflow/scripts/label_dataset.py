"""Binds the rule `label_dataset` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.described import described
    from clipit.artifacts.provenance import Origin
    from clipit.tiling.describe import label_dataset

    label_dataset(
        snakemake.params.entry,
        snakemake.input.patches,
        snakemake.input.splits,
        snakemake.output[0],
        origin=Origin("label_dataset", described(snakemake.params.entry), snakemake.params.code),
    )
