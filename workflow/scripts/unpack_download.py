"""Binds the rule `unpack_download` to the library."""

from pathlib import Path

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.artifacts.tables import write_json
    from clipit.sources.archives import unpack_fetched

    unpack_fetched(snakemake.params.path, snakemake.input[0], unpacked_md5=snakemake.params.unpacked_md5)
    provenance = Origin("unpack_download").provenance(inputs={"fetched": snakemake.input[0]})
    write_json(snakemake.output[0], {"file": Path(snakemake.params.path).name}, provenance)
