"""Every run's metrics, on other data sets too, and a table an experiment."""


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
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        code=lambda w: BIND.code("evaluate"),
    message:
        "Evaluating {wildcards.variant} on {wildcards.dataset}, seed {wildcards.seed}"
    script:
        "../workflow/scripts/evaluate.py"


rule predict_extra:
    input:
        unpack(lambda w: RUNS.classifier_files(PLAN.run(w), w.extra)),
        own_patches=PATHS.patches(),
        own_splits=PATHS.splits(),
        own_labels=PATHS.labels(),
    output:
        ensure(PATHS.extra_file("predictions.parquet"), non_empty=True),
    log:
        PATHS.log(
            "predict_extra/{dataset}/{backbone}/{variant}/{run}/seed{seed}/{extra}"
        ),
    benchmark:
        PATHS.benchmark(
            "predict_extra/{dataset}/{backbone}/{variant}/{run}/seed{seed}/{extra}"
        )
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=growing(8000, per_mb=7),
        runtime=growing(240),
        gpu=lambda w: GPUS if RUNS.kind(PLAN.run(w)) == "student" else 0,
    params:
        store=lambda w: PATHS.store(RUNS.extra_test(w.extra).dataset),
        kind=lambda w: RUNS.kind(PLAN.run(w)),
        extra=lambda w: RUNS.extra_entry(w.extra),
        device=BIND.device,
        threads=CONFIG.compute.threads,
        code=lambda w: BIND.code("predict_extra"),
    message:
        "Testing {wildcards.variant} of {wildcards.dataset}, seed {wildcards.seed}, on {wildcards.extra}"
    script:
        "../workflow/scripts/predict_extra.py"


use rule evaluate as evaluate_extra with:
    input:
        PATHS.extra_file("predictions.parquet"),
    output:
        ensure(PATHS.extra_file("metrics.json"), non_empty=True),
    log:
        PATHS.log(
            "evaluate_extra/{dataset}/{backbone}/{variant}/{run}/seed{seed}/{extra}"
        ),
    benchmark:
        PATHS.benchmark(
            "evaluate_extra/{dataset}/{backbone}/{variant}/{run}/seed{seed}/{extra}"
        )
    message:
        "Evaluating {wildcards.variant} of {wildcards.dataset}, seed {wildcards.seed}, on {wildcards.extra}"


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
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        runs=lambda w: BIND.compared(w.experiment),
        synthetic=lambda w: BIND.synthetic(w.experiment),
        cautions=lambda w: BIND.overlaps(w.experiment),
        published=lambda w: BIND.published(w.experiment),
        extra_tests=lambda w: BIND.extra_tests(w.experiment),
        code=lambda w: BIND.code("compare"),
    message:
        "Comparing the variants of {wildcards.experiment}"
    script:
        "../workflow/scripts/compare.py"
