"""Binds the rule `embed_images` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], snakemake.params.inference["threads"], gpus=snakemake.resources.gpu):
    from clipit.artifacts.provenance import Origin
    from clipit.embedding.images import embed_images

    embed_images(
        snakemake.params.store,
        snakemake.input.patches,
        snakemake.output.embeddings,
        snakemake.output.timing,
        retriever=snakemake.params.retriever,
        part=int(snakemake.wildcards.i),
        parts=int(snakemake.wildcards.n),
        batch=snakemake.resources.batch,
        **snakemake.params.inference,
        origin=Origin("embed_images", snakemake.params.inference, snakemake.params.code),
    )
