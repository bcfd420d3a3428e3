"""Binds the rule `download_model` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], title=snakemake.wildcards.repo):
    from clipit.artifacts.provenance import Origin
    from clipit.artifacts.tables import write_json
    from clipit.encoders.hub import fetch_model

    name = snakemake.params.name
    write_json(snakemake.output[0], fetch_model(name), Origin("download_model", {"name": name}).provenance())
