"""Every run's metrics, and a table an experiment."""


rule evaluate:
    input:
        PATHS.run_file("predictions.parquet"),
    output:
        ensure(
            report(
                PATHS.run_file("metrics.json"),
                caption="../workflow/report/metrics.rst",
                category="Metrics",
                subcategory="{dataset}",
                labels={
                    "backbone": "{backbone}",
                    "variant": "{variant}",
                    "seed": "{seed}",
                    "run": "{run}",
                },
            ),
            non_empty=True,
        ),
    log:
        PATHS.log("evaluate/{dataset}/{backbone}/{variant}/{run}/seed{seed}"),
    benchmark:
        PATHS.benchmark("evaluate/{dataset}/{backbone}/{variant}/{run}/seed{seed}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=lambda w: BIND.code("evaluate"),
    message:
        "Evaluating {wildcards.variant} on {wildcards.dataset}, seed {wildcards.seed}"
    script:
        "../workflow/scripts/evaluate.py"


rule compare:
    input:
        lambda w: BIND.compared_files(w.experiment),
    output:
        csv=ensure(
            report(
                PATHS.table(suffix="csv"),
                caption="../workflow/report/table.rst",
                category="Tables",
                labels={
                    "experiment": "{experiment}",
                    "table": "variants",
                    "as": "CSV",
                },
            ),
            non_empty=True,
        ),
        md=ensure(
            report(
                PATHS.table(suffix="md"),
                caption="../workflow/report/table.rst",
                category="Tables",
                labels={
                    "experiment": "{experiment}",
                    "table": "variants",
                    "as": "Markdown",
                },
            ),
            non_empty=True,
        ),
        json=ensure(PATHS.table(suffix="json"), non_empty=True),
    log:
        PATHS.log("compare/{experiment}"),
    benchmark:
        PATHS.benchmark("compare/{experiment}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        runs=lambda w: BIND.compared(w.experiment),
        synthetic=lambda w: BIND.synthetic(w.experiment),
        cautions=lambda w: BIND.overlaps(w.experiment),
        published=lambda w: BIND.published(w.experiment),
        code=lambda w: BIND.code("compare"),
    message:
        "Comparing the variants of {wildcards.experiment}"
    script:
        "../workflow/scripts/compare.py"
