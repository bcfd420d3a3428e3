"""Binds the rule `split_dataset` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.described import described
    from clipit.artifacts.provenance import Origin
    from clipit.tiling.describe import split_dataset

    # Of an own table, the fingerprint is the digest of the column that is read.
    own = {"column split": snakemake.params.fingerprint} if snakemake.params.fingerprint else {}
    split_dataset(
        snakemake.params.entry,
        snakemake.input.patches,
        snakemake.output[0],
        origin=Origin("split_dataset", described(snakemake.params.entry), snakemake.params.code, inputs=own),
    )
