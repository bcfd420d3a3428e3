"""Binds the rule `label_dataset` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.described import described
    from clipit.artifacts.provenance import Origin
    from clipit.sources.own_files import content_digest
    from clipit.tiling.describe import label_dataset

    # Of an own table, the fingerprint is the digest of the column that is read; of regions, it knows times alone.
    own = {"column label": snakemake.params.fingerprint} if snakemake.params.fingerprint else {}
    if annotations := snakemake.params.entry.get("annotations"):
        own = {"annotations": content_digest(annotations)}
    label_dataset(
        snakemake.params.entry,
        snakemake.input.patches,
        snakemake.input.splits,
        snakemake.output[0],
        origin=Origin("label_dataset", described(snakemake.params.entry), snakemake.params.code, inputs=own),
    )
