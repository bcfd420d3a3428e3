"""Binds the rule `download_file` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin, file_digest
    from clipit.artifacts.tables import write_json
    from clipit.sources.download import download_file

    source, path = snakemake.params.source, snakemake.params.path
    download_file(source["url"], path, md5=source["md5"])
    write_json(snakemake.output[0], {"sha256": file_digest(path)}, Origin("download_file", source).provenance())
