"""Binds the rule `train_student` to the library."""

from clipit.runtime.job import job

title = f"{snakemake.wildcards.variant} seed {snakemake.wildcards.seed}"
with job(snakemake.log[0], snakemake.params.threads, title):
    from pathlib import Path

    from clipit.artifacts.provenance import Origin
    from clipit.training.student import train_student

    train_student(
        snakemake.params.store,
        snakemake.input.patches,
        snakemake.input.splits,
        snakemake.input.labels,
        snakemake.input.probe,
        teacher=snakemake.input.get("teacher"),
        targets={name: snakemake.input[name] for name in snakemake.params.targets} or None,
        out=Path(snakemake.output.student).parent,
        backbone=snakemake.params.backbone,
        settings=snakemake.params.settings,
        device=snakemake.params.device,
        threads=snakemake.params.threads,
        origin=Origin(
            "train_student",
            {**snakemake.params.settings, "device": snakemake.params.device, "threads": snakemake.params.threads},
            snakemake.params.code,
            int(snakemake.wildcards.seed),
        ),
    )
