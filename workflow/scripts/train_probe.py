"""Binds the rule `train_probe` to the library."""

from clipit.runtime.job import job

title = f"{snakemake.wildcards.variant} seed {snakemake.wildcards.seed}"
with job(snakemake.log[0], snakemake.params.threads, title):
    from clipit.artifacts.provenance import Origin
    from clipit.training.probe import train_probe

    train_probe(
        snakemake.input.features,
        snakemake.input.patches,
        snakemake.input.splits,
        snakemake.input.labels,
        probe=snakemake.output.probe,
        predictions=snakemake.output.predictions,
        settings=snakemake.params.settings,
        fraction=snakemake.params.labels,
        threads=snakemake.params.threads,
        origin=Origin(
            "train_probe",
            {**snakemake.params.settings, "labels": snakemake.params.labels, "threads": snakemake.params.threads},
            snakemake.params.code,
            int(snakemake.wildcards.seed),
        ),
    )
