"""From reports as found to a cleaned corpus."""


rule clean_reports:
    input:
        lambda w: BIND.corpus_downloaded(w.corpus),
    output:
        ensure(PATHS.reports(), non_empty=True),
    log:
        PATHS.log("clean_reports/{corpus}"),
    benchmark:
        PATHS.benchmark("clean_reports/{corpus}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        entry=lambda w: BIND.corpus_entry(w.corpus),
        fingerprint=lambda w: BIND.corpus_fingerprint(w.corpus),
        code=lambda w: BIND.reports_code("clean_reports", w.corpus),
    message:
        "Cleaning the reports of {wildcards.corpus}"
    script:
        "../workflow/scripts/clean_reports.py"


rule reveal_report_truth:
    output:
        ensure(PATHS.report_truth(), non_empty=True),
    log:
        PATHS.log("reveal_report_truth/{corpus}"),
    benchmark:
        PATHS.benchmark("reveal_report_truth/{corpus}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        entry=lambda w: BIND.corpus_entry(w.corpus),
        code=lambda w: BIND.code("reveal_report_truth"),
    message:
        "Noting the truth of {wildcards.corpus} for the audit"
    script:
        "../workflow/scripts/reveal_report_truth.py"
