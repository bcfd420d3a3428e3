"""Which report meets which image, and what that pairing looks like from outside."""


rule pair:
    input:
        images=lambda w: BIND.image_embeddings(w.retriever, w.dataset),
        reports=PATHS.report_embeddings(),
    output:
        ensure(PATHS.pairs(), non_empty=True),
    log:
        PATHS.log("pair/{dataset}/{corpus}/{retriever}/{pairing}"),
    benchmark:
        PATHS.benchmark("pair/{dataset}/{corpus}/{retriever}/{pairing}")
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        pairing=lambda w: BIND.pairing(w.pairing),
        threads=CONFIG.compute.threads,
        code=lambda w: BIND.code("pair"),
    message:
        "Pairing {wildcards.dataset} with {wildcards.corpus} by {wildcards.pairing}"
    script:
        "../workflow/scripts/pair.py"


rule audit_pairs:
    input:
        unpack(lambda w: BIND.truth(w.dataset, w.corpus)),
        pairs=PATHS.pairs(),
        labels=PATHS.labels(),
        patches=PATHS.patches(),
        splits=PATHS.splits(),
    output:
        ensure(PATHS.audit(), non_empty=True),
    log:
        PATHS.log("audit_pairs/{dataset}/{corpus}/{retriever}/{pairing}"),
    benchmark:
        PATHS.benchmark("audit_pairs/{dataset}/{corpus}/{retriever}/{pairing}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        method=lambda w: PLAN.pairings[w.pairing].method,
        truth=lambda w: sorted(BIND.truth(w.dataset, w.corpus)),
        code=lambda w: BIND.code("audit_pairs"),
    message:
        "Auditing the pairing of {wildcards.dataset} with {wildcards.corpus} by {wildcards.pairing}"
    script:
        "../workflow/scripts/audit_pairs.py"
