"""Binds the rule `train_retriever` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], snakemake.params.settings["threads"], gpus=snakemake.resources.gpu):
    from pathlib import Path

    from clipit.artifacts.described import described
    from clipit.artifacts.provenance import Origin
    from clipit.encoders.hub import pinned
    from clipit.pretraining.alignment import train_retriever

    train_retriever(
        snakemake.params.store,
        snakemake.input.patches,
        snakemake.input.captions,
        Path(snakemake.output[0]).parent,
        image=pinned(snakemake.params.image["name"], snakemake.params.image["marker"]),
        image_size=snakemake.params.image["image_size"],
        pretrained=snakemake.params.image["pretrained"],
        model_args=snakemake.params.image["model_args"],
        **snakemake.params.settings,
        device=snakemake.params.device,
        origin=Origin("train_retriever", described(snakemake.params.settings), snakemake.params.code),
    )
