"""Binds the rule `download_model` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], title=snakemake.wildcards.repo):
    from clipit.artifacts.provenance import Origin
    from clipit.artifacts.tables import write_json
    from clipit.encoders.hub import fetch_model

    model = {"name": snakemake.params.name, "kinds": snakemake.params.kinds}
    write_json(snakemake.output[0], fetch_model(**model), Origin("download_model", model).provenance())
