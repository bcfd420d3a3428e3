"""Binds the rule `predict_zeroshot` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.training.zeroshot import predict_zeroshot

    predict_zeroshot(
        snakemake.input.images,
        snakemake.input.prompts,
        snakemake.input.patches,
        snakemake.input.splits,
        snakemake.input.labels,
        predictions=snakemake.output[0],
        origin=Origin("predict_zeroshot", {}, snakemake.params.code),
    )
