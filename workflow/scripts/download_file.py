"""Binds the rule `download_file` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], title=snakemake.wildcards.download):
    from clipit.artifacts.provenance import Origin
    from clipit.artifacts.tables import write_json
    from clipit.sources.fetch import fetch, public_source

    source = snakemake.params.source
    origin = Origin("download_file", public_source(source))
    write_json(snakemake.output[0], {"sha256": fetch(source, snakemake.params.path)}, origin.provenance())
