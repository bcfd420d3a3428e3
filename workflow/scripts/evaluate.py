"""Binds the rule `evaluate` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.evaluation.evaluate import evaluate

    evaluate(
        snakemake.input[0],
        snakemake.output[0],
        variant=snakemake.wildcards.variant,
        resamples=1000,
        origin=Origin("evaluate", {}, snakemake.params.code, int(snakemake.wildcards.seed)),
    )
