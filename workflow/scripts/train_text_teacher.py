"""Binds the rule `train_text_teacher` to the library."""

from clipit.runtime.job import job

title = f"{snakemake.wildcards.variant} seed {snakemake.wildcards.seed}"
with job(snakemake.log[0], snakemake.params.threads, title, gpus=snakemake.resources.gpu):
    from pathlib import Path

    from clipit.artifacts.provenance import Origin
    from clipit.encoders.precision import resolve_precision
    from clipit.training.text_teacher import train_text_teacher

    shared = {name: getattr(snakemake.params, name) for name in ("device", "threads")}
    shared["precision"] = resolve_precision(snakemake.params.settings["precision"], snakemake.params.device)
    train_text_teacher(
        {name: snakemake.input[name] for name in (*snakemake.params.files, "patches", "splits", "labels")},
        retriever=snakemake.params.retriever,
        teacher=snakemake.output.teacher,
        scores=snakemake.output.scores,
        predictions=snakemake.output.predictions,
        embeddings=snakemake.output.embeddings,
        settings=snakemake.params.settings,
        fraction=snakemake.params.labels,
        **shared,
        checkpoints=Path(snakemake.params.checkpoints),
        origin=Origin(
            "train_text_teacher",
            {**snakemake.params.settings, "labels": snakemake.params.labels, **shared},
            snakemake.params.code,
            int(snakemake.wildcards.seed),
        ),
    )
