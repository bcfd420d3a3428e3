"""Whether pairing is worth a LoRA run: `clipit triage` asks for these, no table does."""


rule triage:
    input:
        lambda w: TRIAGE.files(w.experiment),
    output:
        ensure(PATHS.triage(), non_empty=True),
    log:
        PATHS.log("triage/{experiment}"),
    benchmark:
        PATHS.benchmark("triage/{experiment}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        contexts=lambda w: TRIAGE.contexts(w.experiment),
        synthetic=lambda w: BIND.synthetic(w.experiment),
        cautions=lambda w: BIND.overlaps(w.experiment),
        code=lambda w: BIND.code("triage"),
    message:
        "Judging the pairings of {wildcards.experiment}"
    script:
        "../workflow/scripts/triage.py"
