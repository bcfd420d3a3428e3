"""Binds the rule `download_file` to the library."""

from pathlib import Path

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.sources.download import download_file

    download_file(snakemake.params.source["url"], snakemake.params.path, md5=snakemake.params.source["md5"])
    Path(snakemake.output[0]).touch()
