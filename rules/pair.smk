"""Which report meets which image, and what that pairing looks like from outside."""


rule pair:
    input:
        unpack(lambda w: BIND.pair_files(w.dataset, w.corpus, w.retriever, w.pairing)),
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
        mem_mb=lambda w, input: 8000 + 4 * int(input.size_mb),
        runtime=120,
        gpu=GPUS,
    params:
        pairing=lambda w: BIND.pairing(w.pairing),
        threads=CONFIG.compute.threads,
        device=BIND.device,
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
        ensure(
            report(
                PATHS.audit(),
                caption="../workflow/report/audit.rst",
                category="Pairings",
                subcategory="{dataset}",
                labels={
                    "corpus": "{corpus}",
                    "retriever": "{retriever}",
                    "pairing": "{pairing}",
                },
            ),
            non_empty=True,
        ),
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
        method=lambda w: BIND.method(w.pairing),
        truth=lambda w: sorted(BIND.truth(w.dataset, w.corpus)),
        code=lambda w: BIND.code("audit_pairs"),
    message:
        "Auditing the pairing of {wildcards.dataset} with {wildcards.corpus} by {wildcards.pairing}"
    script:
        "../workflow/scripts/audit_pairs.py"


rule compare_pairings:
    input:
        lambda w: BIND.compared_pairing_files(w.experiment),
    output:
        csv=ensure(
            report(
                PATHS.pairing_table(suffix="csv"),
                caption="../workflow/report/pairing_table.rst",
                category="Tables",
                labels={
                    "experiment": "{experiment}",
                    "table": "pairings",
                    "as": "CSV",
                },
            ),
            non_empty=True,
        ),
        md=ensure(
            report(
                PATHS.pairing_table(suffix="md"),
                caption="../workflow/report/pairing_table.rst",
                category="Tables",
                labels={
                    "experiment": "{experiment}",
                    "table": "pairings",
                    "as": "Markdown",
                },
            ),
            non_empty=True,
        ),
        json=ensure(PATHS.pairing_table(suffix="json"), non_empty=True),
    log:
        PATHS.log("compare_pairings/{experiment}"),
    benchmark:
        PATHS.benchmark("compare_pairings/{experiment}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        pairings=lambda w: BIND.compared_pairings(w.experiment),
        synthetic=lambda w: BIND.synthetic(w.experiment),
        cautions=lambda w: BIND.overlaps(w.experiment),
        code=lambda w: BIND.code("compare_pairings"),
    message:
        "Comparing the pairings of {wildcards.experiment}"
    script:
        "../workflow/scripts/compare_pairings.py"
