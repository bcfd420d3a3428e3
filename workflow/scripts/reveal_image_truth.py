"""Binds the rule `reveal_image_truth` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.described import described
    from clipit.artifacts.provenance import Origin
    from clipit.tiling.describe import reveal_image_truth

    reveal_image_truth(
        snakemake.params.entry,
        snakemake.input.patches,
        snakemake.output[0],
        origin=Origin("reveal_image_truth", described(snakemake.params.entry), snakemake.params.code),
    )
