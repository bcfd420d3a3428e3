"""Binds the rule `embed_reports` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], snakemake.params.inference["threads"], gpus=snakemake.resources.gpu):
    from clipit.artifacts.provenance import Origin
    from clipit.embedding.reports import embed_reports

    embed_reports(
        snakemake.input.reports,
        snakemake.output.embeddings,
        snakemake.output.timing,
        retriever=snakemake.params.retriever,
        text=snakemake.params.text,
        batch=snakemake.resources.batch,
        **snakemake.params.inference,
        origin=Origin(
            "embed_reports", {**snakemake.params.inference, "text": snakemake.params.text}, snakemake.params.code
        ),
    )
