"""Public files, a job each, and what is unpacked from them; a rerun never deletes a download."""


rule download_file:
    message: "Downloading {wildcards.file} of {wildcards.dataset}"
    output:
        touch(PATHS.fetched()),
    params:
        source=lambda w: BIND.download(w.dataset, w.file),
        path=lambda w: PATHS.download(w.dataset, w.file),
    log:
        PATHS.log("download_file/{dataset}/{file}"),
    benchmark:
        PATHS.benchmark("download_file/{dataset}/{file}")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=1440,
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/download_file.py"


rule unpack_dataset:
    message: "Unpacking {wildcards.dataset}"
    input:
        lambda w: BIND.fetched(w.dataset),
    output:
        ensure(PATHS.downloaded(), non_empty=True),
    params:
        files=lambda w: [PATHS.download(w.dataset, file) for file in CONFIG.datasets[w.dataset].download],
    log:
        PATHS.log("unpack_dataset/{dataset}"),
    benchmark:
        PATHS.benchmark("unpack_dataset/{dataset}")
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/unpack_dataset.py"
