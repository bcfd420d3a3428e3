"""Binds the rule `predict_extra` to the library."""

from clipit.runtime.job import job

title = f"{snakemake.wildcards.variant} seed {snakemake.wildcards.seed} on {snakemake.wildcards.extra}"
with job(snakemake.log[0], snakemake.params.threads, title, gpus=snakemake.resources.gpu):
    from pathlib import Path

    from clipit.artifacts.provenance import Origin
    from clipit.training.extra_test import predict_extra

    params, tables = snakemake.params, ("patches", "splits", "labels")
    predict_extra(
        Path(snakemake.input.model),
        [Path(file) for file in snakemake.input.get("vectors", [])],
        params.store,
        {name: Path(snakemake.input[name]) for name in tables},
        {name: Path(snakemake.input[f"own_{name}"]) for name in tables},
        out=Path(snakemake.output[0]),
        kind=params.kind,
        **params.extra,
        device=params.device,
        threads=params.threads,
        origin=Origin(
            "predict_extra",
            {"extra": params.extra, "device": params.device, "threads": params.threads},
            params.code,
            int(snakemake.wildcards.seed),
        ),
    )
