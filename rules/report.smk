"""The page that people read, and the tables on the terminal."""


onsuccess:
    from clipit.evaluation.show import print_table

    for experiment in CONFIG.experiments:
        print_table(Path(PATHS.table(experiment, "json")))
    print(f"The report is at {PATHS.report()}")


rule report:
    input:
        TABLES,
        BIND.report_files(),
    output:
        ensure(PATHS.report(), non_empty=True),
    log:
        PATHS.log("report/report"),
    benchmark:
        PATHS.benchmark("report/report")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        content=BIND.report_content(),
        code=lambda w: BIND.code("report"),
    message:
        "Writing the report"
    script:
        "../workflow/scripts/report.py"
