"""Binds the rule `train_student` to the library."""

from clipit.runtime.job import job

title = f"{snakemake.wildcards.variant} seed {snakemake.wildcards.seed}"
# Snakemake lowers what a job asks for to all that its `resources: gpu` allows at once; the processes need theirs.
gpus = snakemake.params.processes if snakemake.resources.gpu else 0
with job(snakemake.log[0], snakemake.params.threads, title, gpus=gpus):
    from pathlib import Path

    from clipit.artifacts.provenance import Origin
    from clipit.encoders.precision import resolve_precision
    from clipit.training.fit import Fit
    from clipit.training.student import train_student

    params, out = snakemake.params, Path(snakemake.output.student).parent
    fit = Fit(
        device=params.device,
        precision=resolve_precision(params.settings["precision"], params.device),
        checkpoints=Path(params.checkpoints),
        logs=out / "tensorboard",
        name=title,
        processes=params.processes,
    )
    train_student(
        params.store,
        {name: snakemake.input[name] for name in (*params.files, "patches", "splits", "labels")},
        out=out,
        backbone=params.backbone,
        retriever=params.retriever,
        settings=params.settings,
        labels=params.labels,
        fit=fit,
        threads=params.threads,
        origin=Origin(
            "train_student",
            {name: getattr(params, name) for name in ("settings", "labels", "device", "threads", "processes")}
            | {"precision": fit.precision},
            params.code,
            int(snakemake.wildcards.seed),
        ),
    )
