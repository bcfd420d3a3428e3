"""Binds the rule `unpack_dataset` to the library."""

from pathlib import Path

from clipit.runtime.job import job

with job(snakemake.log[0]):
    from clipit.artifacts.provenance import Origin, file_digest
    from clipit.artifacts.tables import write_json
    from clipit.sources.archives import unpack

    for archive in snakemake.params.files:
        unpack(archive, Path(archive).parent)
    digests = {Path(archive).name: file_digest(archive) for archive in snakemake.params.files}
    write_json(snakemake.output[0], {"files": digests}, Origin("unpack_dataset").provenance())
