"""Binds the rule `clean_reports` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.described import described
    from clipit.artifacts.provenance import Origin, marker_digests
    from clipit.corpus.clean import clean_reports
    from clipit.sources.own_files import content_digest

    path = snakemake.params.entry.get("path")
    clean_reports(
        snakemake.params.entry,
        snakemake.output[0],
        origin=Origin(
            "clean_reports",
            described(snakemake.params.entry),
            snakemake.params.code,
            inputs={"reports": content_digest(path)} if path else marker_digests(snakemake.input),
        ),
    )
