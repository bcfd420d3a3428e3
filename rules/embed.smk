"""Images and reports into one space, by a retriever."""


rule embed_images:
    input:
        success=PATHS.store_success(),
        patches=PATHS.patches(),
        retriever=lambda w: BIND.retriever_files(w.retriever),
    output:
        embeddings=ensure(PATHS.image_embeddings_part(), non_empty=True),
        timing=PATHS.timing("embed_images/{retriever}/{dataset}/part-{i}-of-{n}"),
    log:
        PATHS.log("embed_images/{retriever}/{dataset}/part-{i}-of-{n}"),
    benchmark:
        PATHS.benchmark("embed_images/{retriever}/{dataset}/part-{i}-of-{n}")
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
        gpu=GPUS,
        batch=lambda w, attempt: BIND.batch("retrievers", w.retriever, attempt),
    params:
        store=lambda w: PATHS.store(w.dataset),
        retriever=lambda w: BIND.retriever(w.retriever),
        fingerprint=lambda w: BIND.retriever_fingerprint(w.retriever),
        inference=lambda w: BIND.inference("retrievers", w.retriever),
        code=lambda w: BIND.retriever_code("embed_images", w.retriever),
    message:
        "Embedding {wildcards.dataset} by {wildcards.retriever}, part {wildcards.i} of {wildcards.n}"
    script:
        "../workflow/scripts/embed_images.py"


rule embed_reports:
    input:
        reports=PATHS.reports(),
        retriever=lambda w: BIND.retriever_files(w.retriever),
    output:
        embeddings=ensure(PATHS.report_embeddings(), non_empty=True),
        timing=PATHS.timing("embed_reports/{retriever}/{corpus}"),
    log:
        PATHS.log("embed_reports/{retriever}/{corpus}"),
    benchmark:
        PATHS.benchmark("embed_reports/{retriever}/{corpus}")
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
        gpu=GPUS,
        batch=lambda w, attempt: BIND.batch("retrievers", w.retriever, attempt),
    params:
        retriever=lambda w: BIND.retriever(w.retriever),
        fingerprint=lambda w: BIND.retriever_fingerprint(w.retriever),
        text=lambda w: BIND.text_policy(w.retriever),
        inference=lambda w: BIND.inference("retrievers", w.retriever),
        code=lambda w: BIND.retriever_code("embed_reports", w.retriever),
    message:
        "Embedding {wildcards.corpus} by {wildcards.retriever}"
    script:
        "../workflow/scripts/embed_reports.py"


rule embed_class_prompts:
    input:
        labels=PATHS.labels(),
        retriever=lambda w: BIND.retriever_files(w.retriever),
    output:
        ensure(PATHS.class_prompts(), non_empty=True),
    log:
        PATHS.log("embed_class_prompts/{retriever}/{dataset}"),
    benchmark:
        PATHS.benchmark("embed_class_prompts/{retriever}/{dataset}")
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
        gpu=GPUS,
        batch=lambda w, attempt: BIND.batch("retrievers", w.retriever, attempt),
    params:
        retriever=lambda w: BIND.retriever(w.retriever),
        fingerprint=lambda w: BIND.retriever_fingerprint(w.retriever),
        inference=lambda w: BIND.inference("retrievers", w.retriever),
        code=lambda w: BIND.retriever_code("embed_class_prompts", w.retriever),
    message:
        "Embedding the classes of {wildcards.dataset} by {wildcards.retriever}"
    script:
        "../workflow/scripts/embed_class_prompts.py"
