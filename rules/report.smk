"""The pages that people read, and the tables on the terminal."""


onsuccess:
    from clipit.evaluation.show import print_table
    from clipit.pairing.show import print_pairings

    for experiment in CONFIG.experiments:
        if Path(PATHS.table(experiment, "json")).exists():
            print_table(Path(PATHS.table(experiment, "json")))
        if Path(PATHS.pairing_table(experiment, "json")).exists():
            print_pairings(
                Path(PATHS.pairing_table(experiment, "json")),
                f"pairings of {experiment}",
            )
    if Path(PATHS.report()).exists():
        print(f"The report is at {PATHS.report()}")
    for page in EXPLORER:
        if Path(page).exists():
            print(f"The pairings are at {page}")


rule report:
    input:
        TABLES,
        PAIRING_TABLES,
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
        configuration=BIND.configuration_digest(),
        code=lambda w: BIND.code("report"),
    message:
        "Writing the report"
    script:
        "../workflow/scripts/report.py"


rule explorer:
    input:
        BIND.explorer_files(),
    output:
        ensure(PATHS.report("explorer.html"), non_empty=True),
    log:
        PATHS.log("report/explorer"),
    benchmark:
        PATHS.benchmark("report/explorer")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        content=BIND.explorer_content(),
        code=lambda w: BIND.code("explorer"),
    message:
        "Drawing the pairings to look at"
    script:
        "../workflow/scripts/explorer.py"
