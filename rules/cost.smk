"""What a student costs in use, beside its plain backbone and the CLIP."""


rule measure_cost:
    input:
        student=lambda w: PATHS.run_file(
            "student.safetensors", **measured(PLAN, w.experiment).wildcards
        ),
        description=lambda w: PATHS.run_file(
            "student.json", **measured(PLAN, w.experiment).wildcards
        ),
        retriever=lambda w: BIND.retriever_files(measured(PLAN, w.experiment).retriever),
    output:
        ensure(
            report(
                PATHS.cost(),
                caption="../workflow/report/cost.rst",
                category="Cost",
                labels={"experiment": "{experiment}"},
            ),
            non_empty=True,
        ),
    log:
        PATHS.log("measure_cost/{experiment}"),
    benchmark:
        PATHS.benchmark("measure_cost/{experiment}")
    wildcard_constraints:
        experiment="|".join(
            title for title in CONFIG.experiments if measured(PLAN, title)
        )
        or "(?!)",
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
        gpu=GPUS,
    params:
        retriever=lambda w: BIND.retriever(measured(PLAN, w.experiment).retriever),
        fingerprint=lambda w: BIND.retriever_fingerprint(
            measured(PLAN, w.experiment).retriever
        ),
        device=BIND.device,
        threads=CONFIG.compute.threads,
        code=lambda w: BIND.retriever_code(
            "measure_cost", measured(PLAN, w.experiment).retriever
        ),
    message:
        "Measuring what a student of {wildcards.experiment} costs"
    script:
        "../workflow/scripts/measure_cost.py"
