"""The pages that people read, and the tables on the terminal."""


onstart:
    from clipit.workflow.job_list import write_job_list

    run_lock.note(local=workflow.local_exec)
    try:
        write_job_list(PATHS.job_list(), workflow.dag.jobs, workflow.rules)
    except UserError as error:  # the results take no file
        sys.exit(f"clipit: {error}")


onsuccess:
    from clipit.evaluation.show import print_table
    from clipit.pairing.show import print_pairings
    from clipit.workflow.launch import BY_COMMAND

    # What an earlier run left may be of another configuration: of this run's targets alone.
    asked = (
        {str(file) for job in workflow.dag.jobs for file in job.output}
        if BY_COMMAND not in os.environ
        else set()
    )
    for experiment in CONFIG.experiments:
        if (table := PATHS.table(experiment, "json")) in asked:
            print_table(Path(table))
        if (table := PATHS.pairing_table(experiment, "json")) in asked:
            print_pairings(Path(table), f"pairings of {experiment}")
    if PATHS.report() in asked:
        print(f"The report is at {PATHS.report()}")
    for page in EXPLORER:
        if page in asked:
            print(f"The pairings are at {page}")


onerror:
    from clipit.workflow.killed_jobs import tell_killed

    tell_killed(log)


rule explain:
    input:
        lambda w: PAGES.explained_files(w.experiment),
    output:
        attributions=ensure(PATHS.explained("attributions.parquet"), non_empty=True),
        embedding_map=ensure(PATHS.explained("embedding_map.parquet"), non_empty=True),
    log:
        PATHS.log("explain/{experiment}"),
    benchmark:
        PATHS.benchmark("explain/{experiment}")
    wildcard_constraints:
        experiment="|".join(filter(PAGES.explained, CONFIG.experiments)) or "(?!)",
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=growing(8000, per_mb=2),
        runtime=growing(240),
        gpu=GPUS,
        batch=lambda w, attempt: PAGES.explained_batch(w.experiment, attempt),
    params:
        content=lambda w: PAGES.explained(w.experiment),
        code=lambda w: BIND.code("explain"),
    message:
        "Explaining the students of {wildcards.experiment}"
    script:
        "../workflow/scripts/explain.py"


rule report:
    input:
        TABLES,
        PAIRING_TABLES,
        PAGES.report_files(),
    output:
        ensure(
            report(
                PATHS.report(),
                caption="../workflow/report/page.rst",
                category="The report",
                labels={"page": "report"},
            ),
            non_empty=True,
        ),
    log:
        PATHS.log("report/report"),
    benchmark:
        PATHS.benchmark("report/report")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        content=PAGES.report_content(),
        configuration=PAGES.configuration_digest(),
        code=lambda w: BIND.code("report"),
    message:
        "Writing the report"
    script:
        "../workflow/scripts/report.py"


rule explorer:
    input:
        PAGES.explorer_files(),
    output:
        ensure(
            report(
                PATHS.report("explorer.html"),
                caption="../workflow/report/explorer.rst",
                category="The report",
                labels={"page": "explorer of the pairings"},
            ),
            non_empty=True,
        ),
    log:
        PATHS.log("report/explorer"),
    benchmark:
        PATHS.benchmark("report/explorer")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        content=PAGES.explorer_content(),
        code=lambda w: BIND.code("explorer"),
    message:
        "Drawing the pairings to look at"
    script:
        "../workflow/scripts/explorer.py"
