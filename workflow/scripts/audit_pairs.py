"""Binds the rule `audit_pairs` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.pairing.audit import audit_pairs

    audit_pairs(
        snakemake.input.pairs,
        snakemake.input.labels,
        snakemake.input.patches,
        snakemake.input.splits,
        snakemake.output[0],
        method=snakemake.params.method,
        truth={name: snakemake.input[name] for name in snakemake.params.truth},
        origin=Origin("audit_pairs", {"method": snakemake.params.method}, snakemake.params.code),
    )
