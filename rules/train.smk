"""Features, probes, teachers and students."""


rule extract_features:
    input:
        success=PATHS.store_success(),
        patches=PATHS.patches(),
        backbone=lambda w: BIND.backbone_files(w.backbone),
    output:
        ensure(PATHS.features(), non_empty=True),
    log:
        PATHS.log("extract_features/{backbone}/{dataset}"),
    benchmark:
        PATHS.benchmark("extract_features/{backbone}/{dataset}")
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
        gpu=GPUS,
        batch=lambda w, attempt: BIND.batch("backbones", w.backbone, attempt),
    params:
        store=lambda w: PATHS.store(w.dataset),
        backbone=lambda w: BIND.backbone(w.backbone),
        fingerprint=lambda w: BIND.backbone_fingerprint(w.backbone),
        inference=lambda w: BIND.inference("backbones", w.backbone),
        code=lambda w: BIND.backbone_code("extract_features", w.backbone),
    message:
        "Extracting features of {wildcards.dataset} by {wildcards.backbone}"
    script:
        "../workflow/scripts/extract_features.py"


rule train_probe:
    input:
        features=lambda w: RUNS.probe_features(PLAN.run(w)),
        patches=PATHS.patches(),
        splits=PATHS.splits(),
        labels=PATHS.labels(),
    output:
        probe=ensure(PATHS.run_file("probe.safetensors"), non_empty=True),
        predictions=ensure(PATHS.run_file("predictions.parquet"), non_empty=True),
    log:
        PATHS.log("train_probe/{dataset}/{backbone}/{variant}/{run}/seed{seed}"),
    benchmark:
        PATHS.benchmark("train_probe/{dataset}/{backbone}/{variant}/{run}/seed{seed}")
    wildcard_constraints:
        variant=PROBES,
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=growing(4000, per_mb=7),
        runtime=growing(60),
    params:
        settings=lambda w: PLAN.run(w).settings,
        labels=lambda w: PLAN.run(w).labels,
        threads=CONFIG.compute.threads,
        code=lambda w: BIND.code("train_probe"),
    message:
        "Fitting {wildcards.variant} on {wildcards.dataset}, seed {wildcards.seed}"
    script:
        "../workflow/scripts/train_probe.py"


rule predict_zeroshot:
    input:
        images=lambda w: BIND.image_embeddings(w.backbone, w.dataset),
        prompts=lambda w: PATHS.class_prompts(w.backbone, w.dataset),
        patches=PATHS.patches(),
        splits=PATHS.splits(),
        labels=PATHS.labels(),
    output:
        ensure(PATHS.run_file("predictions.parquet"), non_empty=True),
    log:
        PATHS.log("predict_zeroshot/{dataset}/{backbone}/{variant}/{run}/seed{seed}"),
    benchmark:
        PATHS.benchmark(
            "predict_zeroshot/{dataset}/{backbone}/{variant}/{run}/seed{seed}"
        )
    wildcard_constraints:
        variant=ZEROSHOT,
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        code=lambda w: BIND.code("predict_zeroshot"),
    message:
        "Classifying {wildcards.dataset} by {wildcards.backbone}, zero-shot"
    script:
        "../workflow/scripts/predict_zeroshot.py"


rule train_teacher:
    input:
        unpack(lambda w: RUNS.target_files(PLAN.run(w))),
        patches=PATHS.patches(),
        splits=PATHS.splits(),
        labels=PATHS.labels(),
    output:
        teacher=ensure(PATHS.run_file("teacher.safetensors"), non_empty=True),
        scores=ensure(PATHS.run_file("teacher.json"), non_empty=True),
        predictions=ensure(PATHS.run_file("predictions.parquet"), non_empty=True),
    log:
        PATHS.log("train_teacher/{dataset}/{backbone}/{variant}/{run}/seed{seed}"),
    benchmark:
        PATHS.benchmark("train_teacher/{dataset}/{backbone}/{variant}/{run}/seed{seed}")
    wildcard_constraints:
        variant=TEACHER,
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=growing(4000, per_mb=7),
        runtime=growing(60),
    params:
        settings=lambda w: PLAN.run(w).settings,
        labels=lambda w: PLAN.run(w).labels,
        targets=lambda w: sorted(RUNS.target_files(PLAN.run(w))),
        threads=CONFIG.compute.threads,
        code=lambda w: BIND.code("train_teacher"),
    message:
        "Training the teacher of {wildcards.dataset} on {wildcards.backbone}, seed {wildcards.seed}"
    script:
        "../workflow/scripts/train_teacher.py"


rule train_text_teacher:
    input:
        unpack(lambda w: RUNS.text_teacher_files(PLAN.run(w))),
        models=lambda w: RUNS.model_files(PLAN.run(w)),
        patches=PATHS.patches(),
        splits=PATHS.splits(),
        labels=PATHS.labels(),
    output:
        teacher=ensure(PATHS.run_file("teacher.safetensors"), non_empty=True),
        scores=ensure(PATHS.run_file("teacher.json"), non_empty=True),
        predictions=ensure(PATHS.run_file("predictions.parquet"), non_empty=True),
        embeddings=ensure(PATHS.run_file("report_embeddings.parquet"), non_empty=True),
    log:
        PATHS.log("train_text_teacher/{dataset}/{backbone}/{variant}/{run}/seed{seed}"),
    benchmark:
        PATHS.benchmark(
            "train_text_teacher/{dataset}/{backbone}/{variant}/{run}/seed{seed}"
        )
    wildcard_constraints:
        variant=TEXT_TEACHER,
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
        gpu=GPUS,
    params:
        settings=lambda w: PLAN.run(w).settings,
        labels=lambda w: PLAN.run(w).labels,
        files=lambda w: sorted(RUNS.text_teacher_files(PLAN.run(w))),
        retriever=lambda w: RUNS.retriever(PLAN.run(w)),
        fingerprint=lambda w: RUNS.fingerprint(PLAN.run(w)),
        device=BIND.device,
        threads=CONFIG.compute.threads,
        checkpoints=PATHS.checkpoints(),
        code=lambda w: RUNS.code("train_text_teacher", PLAN.run(w)),
    message:
        "Training the text tower of {wildcards.backbone} on {wildcards.dataset}, seed {wildcards.seed}"
    script:
        "../workflow/scripts/train_text_teacher.py"


rule train_student:
    input:
        unpack(lambda w: RUNS.student_files(PLAN.run(w))),
        models=lambda w: RUNS.model_files(PLAN.run(w)),
        success=PATHS.store_success(),
        patches=PATHS.patches(),
        splits=PATHS.splits(),
        labels=PATHS.labels(),
    output:
        student=ensure(PATHS.run_file("student.safetensors"), non_empty=True),
        description=ensure(PATHS.run_file("student.json"), non_empty=True),
        history=ensure(PATHS.run_file("history.csv"), non_empty=True),
        predictions=ensure(PATHS.run_file("predictions.parquet"), non_empty=True),
    log:
        PATHS.log("train_student/{dataset}/{backbone}/{variant}/{run}/seed{seed}"),
    benchmark:
        PATHS.benchmark("train_student/{dataset}/{backbone}/{variant}/{run}/seed{seed}")
    wildcard_constraints:
        variant=STUDENTS,
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads * CONFIG.compute.processes
    resources:
        mem_mb=growing(8000 * CONFIG.compute.processes),
        runtime=growing(720),
        gpu=GPUS * CONFIG.compute.processes,
    params:
        store=lambda w: PATHS.store(w.dataset),
        settings=lambda w: PLAN.run(w).settings,
        labels=lambda w: PLAN.run(w).labels,
        files=lambda w: sorted(RUNS.student_files(PLAN.run(w))),
        backbone=lambda w: BIND.backbone(w.backbone),
        retriever=lambda w: RUNS.retriever(PLAN.run(w)),
        fingerprint=lambda w: RUNS.fingerprint(PLAN.run(w)),
        device=BIND.device,
        threads=CONFIG.compute.threads,
        processes=CONFIG.compute.processes,
        checkpoints=PATHS.checkpoints(),
        code=lambda w: RUNS.code("train_student", PLAN.run(w)),
    message:
        "Training {wildcards.variant} on {wildcards.dataset} with {wildcards.backbone}, seed {wildcards.seed}"
    script:
        "../workflow/scripts/train_student.py"
