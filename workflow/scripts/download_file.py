"""Binds the rule `download_file` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], title=snakemake.wildcards.download):
    from clipit.artifacts.provenance import Origin
    from clipit.artifacts.tables import write_json
    from clipit.sources.fetch import fetch

    source = snakemake.params.source
    sha256 = fetch(source, snakemake.params.path)
    write_json(snakemake.output[0], {"sha256": sha256}, Origin("download_file", source).provenance())
