"""Binds the rule `draw_slides` to the library."""

from clipit.runtime.job import job

with job(snakemake.log[0], title=snakemake.wildcards.dataset):
    from clipit.artifacts.described import described
    from clipit.artifacts.provenance import Origin
    from clipit.tiling.slides import draw_slides

    draw_slides(
        snakemake.params.entry,
        snakemake.input.patches,
        snakemake.output[0],
        threads=snakemake.threads,
        origin=Origin("draw_slides", described(snakemake.params.entry), snakemake.params.code),
    )
