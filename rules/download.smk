"""Public files, a job each, and what is unpacked from them; a rerun never deletes a download."""


rule download_file:
    output:
        ensure(PATHS.fetched(), non_empty=True),
    log:
        PATHS.log("download_file/{dataset}/{file}"),
    benchmark:
        PATHS.benchmark("download_file/{dataset}/{file}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=1440,
    params:
        source=lambda w: BIND.download(w.dataset, w.file),
        path=lambda w: PATHS.download(w.dataset, w.file),
    message:
        "Downloading {wildcards.file} of {wildcards.dataset}"
    script:
        "../workflow/scripts/download_file.py"


rule unpack_dataset:
    input:
        lambda w: BIND.fetched(w.dataset),
    output:
        ensure(PATHS.downloaded(), non_empty=True),
    log:
        PATHS.log("unpack_dataset/{dataset}"),
    benchmark:
        PATHS.benchmark("unpack_dataset/{dataset}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        files=lambda w: [
            PATHS.download(w.dataset, file)
            for file in CONFIG.datasets[w.dataset].download
        ],
    message:
        "Unpacking {wildcards.dataset}"
    script:
        "../workflow/scripts/unpack_dataset.py"
