"""Public files and models, a job each; a rerun never deletes a download. All run where snakemake runs."""


rule download_file:
    output:
        ensure(PATHS.fetched(), non_empty=True),
    log:
        PATHS.log("download_file/{download}"),
    benchmark:
        PATHS.benchmark("download_file/{download}")
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(1440),
    params:
        source=lambda w: BIND.download(w.download),
        path=lambda w: BIND.download_file(w.download),
    message:
        "Downloading {wildcards.download}"
    script:
        "../workflow/scripts/download_file.py"


rule unpack_download:
    input:
        PATHS.fetched(),
    output:
        ensure(PATHS.downloaded(), non_empty=True),
    log:
        PATHS.log("unpack_download/{download}"),
    benchmark:
        PATHS.benchmark("unpack_download/{download}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        path=lambda w: BIND.download_file(w.download),
        unpacked_md5=lambda w: BIND.download(w.download).get("unpacked_md5"),
    message:
        "Unpacking {wildcards.download}"
    script:
        "../workflow/scripts/unpack_download.py"


rule download_model:
    output:
        ensure(PATHS.hub_model(), non_empty=True),
    log:
        PATHS.log("download_model/{repo}"),
    benchmark:
        PATHS.benchmark("download_model/{repo}")
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(1440),
    params:
        name=lambda w: BIND.hub_name(w.repo),
        kinds=lambda w: BIND.hub_kinds(w.repo),
    message:
        "Fetching the model {wildcards.repo}"
    script:
        "../workflow/scripts/download_model.py"
