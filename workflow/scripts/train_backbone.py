"""Binds the rule `train_backbone` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], snakemake.params.settings["threads"], gpus=snakemake.resources.gpu):
    from pathlib import Path

    from clipit.artifacts.provenance import Origin
    from clipit.pretraining.simclr import train_backbone

    train_backbone(
        snakemake.params.store,
        snakemake.input.patches,
        snakemake.input.splits,
        Path(snakemake.output[0]).parent,
        **snakemake.params.settings,
        device=snakemake.params.device,
        origin=Origin("train_backbone", snakemake.params.settings, snakemake.params.code),
    )
