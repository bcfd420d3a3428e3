"""Every run's metrics, and a table an experiment."""


rule evaluate:
    message: "Evaluating {wildcards.variant} on {wildcards.dataset}, seed {wildcards.seed}"
    input:
        PATHS.run_file("predictions.parquet"),
    output:
        ensure(PATHS.run_file("metrics.json"), non_empty=True),
    params:
        code=lambda w: BIND.code("evaluate"),
    log:
        PATHS.log("evaluate/{dataset}/{backbone}/{variant}/{run}/seed{seed}"),
    benchmark:
        PATHS.benchmark("evaluate/{dataset}/{backbone}/{variant}/{run}/seed{seed}")
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/evaluate.py"


rule compare:
    message: "Comparing the variants of {wildcards.experiment}"
    input:
        lambda w: BIND.compared_files(w.experiment),
    output:
        csv=ensure(PATHS.table(suffix="csv"), non_empty=True),
        md=ensure(PATHS.table(suffix="md"), non_empty=True),
        json=ensure(PATHS.table(suffix="json"), non_empty=True),
    params:
        runs=lambda w: BIND.compared(w.experiment),
        code=lambda w: BIND.code("compare"),
    log:
        PATHS.log("compare/{experiment}"),
    benchmark:
        PATHS.benchmark("compare/{experiment}")
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/compare.py"
