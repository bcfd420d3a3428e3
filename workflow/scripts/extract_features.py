"""Binds the rule `extract_features` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], snakemake.params.inference["threads"], gpus=snakemake.resources.gpu):
    from clipit.artifacts.provenance import Origin
    from clipit.training.features import extract_features

    extract_features(
        snakemake.params.store,
        snakemake.input.patches,
        snakemake.output[0],
        backbone=snakemake.params.backbone,
        batch=snakemake.resources.batch,
        **snakemake.params.inference,
        origin=Origin("extract_features", snakemake.params.inference, snakemake.params.code),
    )
