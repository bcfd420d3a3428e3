"""Binds the rule `reveal_report_truth` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.described import described
    from clipit.artifacts.provenance import Origin
    from clipit.corpus.clean import reveal_report_truth

    reveal_report_truth(
        snakemake.params.entry,
        snakemake.output[0],
        origin=Origin("reveal_report_truth", described(snakemake.params.entry), snakemake.params.code),
    )
