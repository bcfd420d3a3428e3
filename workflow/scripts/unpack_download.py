"""Binds the rule `unpack_download` to the library."""

from pathlib import Path

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.artifacts.tables import write_json
    from clipit.sources.archives import ARCHIVES, unpack

    archive, md5 = Path(snakemake.params.path), snakemake.params.unpacked_md5
    if archive.suffix in ARCHIVES:
        unpack(archive, archive.parent, md5_of={archive.stem: md5} if md5 else None)
    provenance = Origin("unpack_download").provenance(inputs={"fetched": snakemake.input[0]})
    write_json(snakemake.output[0], {"file": archive.name}, provenance)
