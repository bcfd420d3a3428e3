"""Models trained here: a backbone without text or labels, a retriever on captioned images."""


rule train_backbone:
    input:
        success=lambda w: PATHS.store_success(CONFIG.backbones[w.backbone].dataset),
        patches=lambda w: PATHS.patches(CONFIG.backbones[w.backbone].dataset),
        splits=lambda w: PATHS.splits(CONFIG.backbones[w.backbone].dataset),
    output:
        ensure(PATHS.backbone_weights(), non_empty=True),
    log:
        PATHS.log("train_backbone/{backbone}"),
    benchmark:
        PATHS.benchmark("train_backbone/{backbone}")
    conda:
        ENVIRONMENT
    threads: lambda w: CONFIG.backbones[w.backbone].threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(600),
        gpu=GPUS,
    params:
        store=lambda w: PATHS.store(CONFIG.backbones[w.backbone].dataset),
        settings=lambda w: BIND.backbone_settings(w.backbone),
        device=BIND.device,
        code=lambda w: BIND.code("train_backbone"),
    message:
        "Training the backbone {wildcards.backbone}"
    script:
        "../workflow/scripts/train_backbone.py"


rule train_retriever:
    input:
        success=lambda w: PATHS.store_success(CONFIG.retrievers[w.retriever].captioned),
        patches=lambda w: PATHS.patches(CONFIG.retrievers[w.retriever].captioned),
        captions=lambda w: PATHS.captions(CONFIG.retrievers[w.retriever].captioned),
        image=lambda w: BIND.backbone_files(CONFIG.retrievers[w.retriever].image),
    output:
        ensure(PATHS.retriever_sentinel(), non_empty=True),
    log:
        PATHS.log("train_retriever/{retriever}"),
    benchmark:
        PATHS.benchmark("train_retriever/{retriever}")
    conda:
        ENVIRONMENT
    threads: lambda w: CONFIG.retrievers[w.retriever].threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(600),
        gpu=GPUS,
    params:
        store=lambda w: PATHS.store(CONFIG.retrievers[w.retriever].captioned),
        settings=lambda w: BIND.retriever_settings(w.retriever),
        image=lambda w: BIND.backbone(CONFIG.retrievers[w.retriever].image),
        fingerprint=lambda w: BIND.retriever_fingerprint(w.retriever),
        device=BIND.device,
        code=lambda w: BIND.code("train_retriever"),
    message:
        "Training the retriever {wildcards.retriever}"
    script:
        "../workflow/scripts/train_retriever.py"
