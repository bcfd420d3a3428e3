"""Binds the rule `measure_cost` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], snakemake.params.threads, gpus=snakemake.resources.gpu):
    from pathlib import Path

    from clipit.artifacts.provenance import Origin
    from clipit.prediction.cost import measure_cost

    how = {"device": snakemake.params.device, "threads": snakemake.params.threads}
    measure_cost(
        Path(snakemake.input.description).parent,
        snakemake.output[0],
        retriever=snakemake.params.retriever,
        **how,
        origin=Origin("measure_cost", how, snakemake.params.code),
    )
