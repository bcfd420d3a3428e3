"""Binds the rule `embed_class_prompts` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], snakemake.params.inference["threads"], gpus=snakemake.resources.gpu):
    from clipit.artifacts.provenance import Origin
    from clipit.embedding.prompts import embed_class_prompts

    embed_class_prompts(
        snakemake.input.labels,
        snakemake.output[0],
        retriever=snakemake.params.retriever,
        batch=snakemake.resources.batch,
        **snakemake.params.inference,
        origin=Origin("embed_class_prompts", snakemake.params.inference, snakemake.params.code),
    )
