"""Binds the rule `train_teacher` to the library."""

from clipit.runtime.job import job

title = f"{snakemake.wildcards.variant} seed {snakemake.wildcards.seed}"
with job(snakemake.log[0], snakemake.params.threads, title):
    from clipit.artifacts.provenance import Origin
    from clipit.training.teacher import train_teacher

    train_teacher(
        {name: snakemake.input[name] for name in snakemake.params.targets},
        snakemake.input.patches,
        snakemake.input.splits,
        snakemake.input.labels,
        teacher=snakemake.output.teacher,
        scores=snakemake.output.scores,
        predictions=snakemake.output.predictions,
        settings=snakemake.params.settings,
        fraction=snakemake.params.labels,
        threads=snakemake.params.threads,
        origin=Origin(
            "train_teacher",
            {**snakemake.params.settings, "labels": snakemake.params.labels, "threads": snakemake.params.threads},
            snakemake.params.code,
            int(snakemake.wildcards.seed),
        ),
    )
