"""Binds the rule `explain` to the library."""

from pathlib import Path

from clipit.runtime.job import job

content, how = snakemake.params.content, ("device", "precision", "threads")
with job(snakemake.log[0], content["threads"], gpus=snakemake.resources.gpu):
    from clipit.artifacts.provenance import Origin
    from clipit.explaining.explain import explain

    explain(
        **content,
        batch=snakemake.resources.batch,
        attributions=Path(snakemake.output.attributions),
        embedding_map=Path(snakemake.output.embedding_map),
        origin=Origin("explain", {name: content[name] for name in how}, snakemake.params.code),
    )
