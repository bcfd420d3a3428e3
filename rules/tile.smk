"""From a data set to a sealed patch store, with splits, labels and captions in files of their own."""


rule index_dataset:
    input:
        lambda w: BIND.downloaded(w.dataset),
    output:
        ensure(PATHS.items(), non_empty=True),
    log:
        PATHS.log("index_dataset/{dataset}"),
    benchmark:
        PATHS.benchmark("index_dataset/{dataset}")
    conda:
        ENVIRONMENT
    threads: lambda w: 4 if BIND.has_slides(w.dataset) else 1
    resources:
        mem_mb=lambda w, attempt: (4000 if BIND.has_slides(w.dataset) else 2000)
        * attempt,
        runtime=lambda w, attempt: (240 if BIND.has_slides(w.dataset) else 30) * attempt,
    params:
        entry=lambda w: BIND.pixels_entry(w.dataset),
        store=lambda w: PATHS.store(w.dataset),
        fingerprint=lambda w: BIND.images_fingerprint(w.dataset),
        code=lambda w: BIND.images_code("index_dataset", w.dataset),
    message:
        "Listing the patches of {wildcards.dataset}"
    script:
        "../workflow/scripts/index_dataset.py"


rule tile_dataset:
    input:
        listed=PATHS.items(),
    output:
        ensure(PATHS.tiled(), non_empty=True),
    log:
        PATHS.log("tile_dataset/{dataset}/part-{i}-of-{n}"),
    benchmark:
        PATHS.benchmark("tile_dataset/{dataset}/part-{i}-of-{n}")
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        entry=lambda w: BIND.pixels_entry(w.dataset),
        store=lambda w: PATHS.store(w.dataset),
        fingerprint=lambda w: BIND.images_fingerprint(w.dataset),
        code=lambda w: BIND.images_code("tile_dataset", w.dataset),
    message:
        "Tiling {wildcards.dataset}, part {wildcards.i} of {wildcards.n}"
    script:
        "../workflow/scripts/tile_dataset.py"


rule seal_dataset:
    input:
        listed=PATHS.items(),
        tiled=lambda w: BIND.tiled(w.dataset),
    output:
        patches=ensure(PATHS.patches(), non_empty=True),
        rejected=ensure(PATHS.rejected(), non_empty=True),
        success=ensure(PATHS.store_success(), non_empty=True),
    log:
        PATHS.log("seal_dataset/{dataset}"),
    benchmark:
        PATHS.benchmark("seal_dataset/{dataset}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        store=lambda w: PATHS.store(w.dataset),
        size=lambda w: CONFIG.datasets[w.dataset].size,
        max_rejected=lambda w: CONFIG.datasets[w.dataset].max_rejected,
        code=lambda w: BIND.code("seal_dataset"),
    message:
        "Sealing the patch store of {wildcards.dataset}"
    script:
        "../workflow/scripts/seal_dataset.py"


rule split_dataset:
    input:
        patches=PATHS.patches(),
    output:
        ensure(PATHS.splits(), non_empty=True),
    log:
        PATHS.log("split_dataset/{dataset}"),
    benchmark:
        PATHS.benchmark("split_dataset/{dataset}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        entry=lambda w: BIND.split_entry(w.dataset),
        fingerprint=lambda w: BIND.column_fingerprint(w.dataset, "split"),
        code=lambda w: BIND.images_code("split_dataset", w.dataset),
    message:
        "Splitting {wildcards.dataset}"
    script:
        "../workflow/scripts/split_dataset.py"


rule label_dataset:
    input:
        patches=PATHS.patches(),
        splits=PATHS.splits(),
    output:
        ensure(PATHS.labels(), non_empty=True),
    log:
        PATHS.log("label_dataset/{dataset}"),
    benchmark:
        PATHS.benchmark("label_dataset/{dataset}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        entry=lambda w: BIND.label_entry(w.dataset),
        fingerprint=lambda w: BIND.column_fingerprint(w.dataset, "label"),
        code=lambda w: BIND.images_code("label_dataset", w.dataset),
    message:
        "Labelling {wildcards.dataset}"
    script:
        "../workflow/scripts/label_dataset.py"


rule caption_dataset:
    input:
        patches=PATHS.patches(),
    output:
        ensure(PATHS.captions(), non_empty=True),
    log:
        PATHS.log("caption_dataset/{dataset}"),
    benchmark:
        PATHS.benchmark("caption_dataset/{dataset}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        entry=lambda w: BIND.pixels_entry(w.dataset),
        fingerprint=lambda w: BIND.column_fingerprint(w.dataset, "caption"),
        code=lambda w: BIND.images_code("caption_dataset", w.dataset),
    message:
        "Reading the captions of {wildcards.dataset}"
    script:
        "../workflow/scripts/caption_dataset.py"


rule reveal_image_truth:
    input:
        patches=PATHS.patches(),
    output:
        ensure(PATHS.image_truth(), non_empty=True),
    log:
        PATHS.log("reveal_image_truth/{dataset}"),
    benchmark:
        PATHS.benchmark("reveal_image_truth/{dataset}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        entry=lambda w: BIND.pixels_entry(w.dataset),
        code=lambda w: BIND.images_code("reveal_image_truth", w.dataset),
    message:
        "Noting the truth of {wildcards.dataset} for the audit"
    script:
        "../workflow/scripts/reveal_image_truth.py"


rule draw_slides:
    input:
        patches=PATHS.patches(),
    output:
        ensure(PATHS.slides(), non_empty=True),
    log:
        PATHS.log("draw_slides/{dataset}"),
    benchmark:
        PATHS.benchmark("draw_slides/{dataset}")
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        entry=lambda w: BIND.pixels_entry(w.dataset),
        code=lambda w: BIND.images_code("draw_slides", w.dataset),
    message:
        "Drawing the slides of {wildcards.dataset}"
    script:
        "../workflow/scripts/draw_slides.py"
