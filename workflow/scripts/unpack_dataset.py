"""Binds the rule `unpack_dataset` to the library."""

from pathlib import Path

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin
    from clipit.artifacts.tables import write_json
    from clipit.sources.archives import unpack

    for archive in map(Path, snakemake.params.files):
        unpack(archive, archive.parent)
    fetched = {f"download{i}": path for i, path in enumerate(snakemake.input)}
    write_json(snakemake.output[0], {"files": len(fetched)}, Origin("unpack_dataset").provenance(inputs=fetched))
