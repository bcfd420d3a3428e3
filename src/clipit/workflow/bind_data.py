"""What rules ask of the configuration about data sets, corpora and what is fetched for them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from clipit.artifacts.paths import Paths
from clipit.artifacts.provenance import json_digest
from clipit.config.corpora import TextCorpus
from clipit.config.datasets import CaptionedDataset, FolderDataset, SlidesDataset
from clipit.config.experiment import Config
from clipit.config.licence import Data
from clipit.sources import image_source, report_source
from clipit.sources.image_files import SUFFIXES
from clipit.sources.slide_files import SLIDE_SUFFIXES, companions
from clipit.workflow.check import check_one_accepted
from clipit.workflow.code_digest import code_modules
from clipit.workflow.code_kept import changed_modules, keep_modules
from clipit.workflow.entries import plain, without
from clipit.workflow.fingerprint import csv_columns_digest, fingerprint_files, fingerprint_listed

_LABEL_KEYS = {"train_labels", "label_seed", "annotations", "min_cover"}
_SPLIT_KEYS = {"split", "split_seed", "val_share", "test_share"}
_OTHER_KEYS = {"parts", "max_rejected", "download"} | set(Data.model_fields)
"""Keys of a data set that its pixels do not depend on."""


class DataBinding:
    """Look-ups over the data of one configuration."""

    def __init__(self, config: Config, project: Path, *, dry_run: bool = False) -> None:
        self._config, self._project, self._dry_run = config, project, dry_run
        self._told: set[tuple[str, str]] = set()  # (section, entry) whose licences have been looked at
        self._fingerprints: dict[tuple[str, ...], str | None] = {}
        self._codes: dict[tuple[str, ...], str] = {}
        self._modules: dict[str, dict[str, str]] = {}  # digest of code -> those of its modules
        self.paths = Paths(config.results)

    def _once(self, key: tuple[str, ...], fingerprint: Callable[[], str | None]) -> str | None:
        """A fingerprint, taken the first time: each rule asks anew, and there may be a million files."""
        if key not in self._fingerprints:
            self._fingerprints[key] = fingerprint()
        return self._fingerprints[key]

    def code(self, script: str, *readers: str) -> str:
        """Digest of the code that `workflow/scripts/{script}.py` runs, and of the modules that read its source."""
        key = (script, *readers)
        if key not in self._codes:
            modules = code_modules(script, self._project, readers)
            self._codes[key] = json_digest(modules)
            self._modules[self._codes[key]] = modules
            if not self._dry_run:
                keep_modules(self.paths.code(self._codes[key]), modules)
        return self._codes[key]

    def changed_code(self, before: str, now: str) -> list[str] | None:
        """The modules that an edit changed, by the digests of code before it and now; None if it cannot be told."""
        return changed_modules(self.paths.code(before), self._modules[now])

    def images_code(self, script: str, dataset: str) -> str:
        """`code` of a script that reads a data set."""
        return self.code(script, image_source.READERS[self._config.datasets[dataset].source].partition(":")[0])

    def reports_code(self, script: str, corpus: str) -> str:
        """`code` of a script that reads a corpus."""
        return self.code(script, report_source.READERS[self._config.corpora[corpus].source].partition(":")[0])

    # ------------------------------------------------------------------------------------------------- downloads

    def download(self, download: str) -> dict[str, Any]:
        """Where a file is fetched from, and its checksums.

        Raises:
            UserError: as all look-ups of what is fetched: its licence is not accepted.
        """
        self._check_accepted(
            (section, name)
            for section in ("datasets", "corpora")
            for name, entry in getattr(self._config, section).items()
            if download in entry.downloads.values()
        )
        return plain(self._config.downloads[download])

    def download_file(self, download: str) -> str:
        """Where a fetched file is kept; whoever has it already puts it there."""
        return self.paths.download(download, self._config.downloads[download].file)

    def _check_accepted(self, users: Iterable[tuple[str, str]]) -> None:
        users = list(users)
        if self._dry_run and not self._told.isdisjoint(users):
            return
        self._told.update(users)
        check_one_accepted(self._config, users, dry_run=self._dry_run)

    def _unpacked(self, download: str) -> str:
        """The file, or for a `.zip` the folder, that a download comes to."""
        path = Path(self.download_file(download))
        return str({".zip": path.parent, ".gz": path.with_suffix("")}.get(path.suffix, path))

    def _downloaded(self, entry: Data) -> list[str]:
        """Markers of all that is fetched for an entry."""
        return [self.paths.downloaded(download) for download in entry.downloads.values()]

    # ------------------------------------------------------------------------------------------------- data sets

    def pixels_entry(self, dataset: str) -> dict[str, Any]:
        """The data set's entry without the keys that its pixels do not depend on."""
        return without(self._entry(dataset), _LABEL_KEYS | _SPLIT_KEYS | _OTHER_KEYS)

    def split_entry(self, dataset: str) -> dict[str, Any]:
        """The data set's entry without the keys that its splits do not depend on."""
        return without(self._entry(dataset), _LABEL_KEYS | _OTHER_KEYS)

    def label_entry(self, dataset: str) -> dict[str, Any]:
        """The data set's entry without the keys that its labels do not depend on."""
        return without(self._entry(dataset), _SPLIT_KEYS | _OTHER_KEYS)

    def _entry(self, dataset: str) -> dict[str, Any]:
        entry = self._config.datasets[dataset]
        values = plain(entry)
        if isinstance(entry, FolderDataset) and entry.download:
            return values | {"path": str(Path(self._unpacked(entry.download)) / (entry.path or ""))}
        if "files" in values:
            values["files"] = {role: self._unpacked(key) for role, key in entry.downloads.items()}
        return values

    def downloaded(self, dataset: str) -> list[str]:
        """What must be downloaded before the data set can be read."""
        self._check_accepted([("datasets", dataset)])
        return self._downloaded(self._config.datasets[dataset])

    def images_fingerprint(self, dataset: str) -> str | None:
        """Changes when an own image is added, edited or removed; not when a label is corrected in a CSV."""
        return self._once(("images", dataset), lambda: self._images_fingerprint(dataset))

    def _images_fingerprint(self, dataset: str) -> str | None:
        entry = self._config.datasets[dataset]
        if isinstance(entry, CaptionedDataset):
            return fingerprint_listed(entry.captions, "image", root=entry.path)
        path = self._own_path(dataset)
        if path is None:
            return None
        if isinstance(entry, SlidesDataset):
            if path.is_file():
                columns = ["group", "mpp", "centre"]
                return fingerprint_listed(path, "path", root=path.parent, beside=columns, companions=companions)
            return fingerprint_files(path, SLIDE_SUFFIXES, companions)
        if path.is_file():
            return fingerprint_listed(path, "path", root=path.parent, beside=["group", "centre"])
        return fingerprint_files(path, SUFFIXES)

    def column_fingerprint(self, dataset: str, column: str) -> str | None:
        """Changes when a column (label, split, caption) of an own CSV does, or the regions that labels come from."""
        return self._once((column, dataset), lambda: self._column_fingerprint(dataset, column))

    def _column_fingerprint(self, dataset: str, column: str) -> str | None:
        entry = self._config.datasets[dataset]
        if isinstance(entry, CaptionedDataset):
            return csv_columns_digest(entry.captions, [column]) if column == "caption" else None
        if isinstance(entry, SlidesDataset) and entry.annotations and column == "label":
            return fingerprint_files(entry.annotations)
        path = self._own_path(dataset)
        return csv_columns_digest(path, [column]) if path is not None and path.is_file() else None

    def _own_path(self, dataset: str) -> Path | None:
        """The folder or CSV of a data set that lies on this machine."""
        entry = self._config.datasets[dataset]
        own = isinstance(entry, SlidesDataset) or (isinstance(entry, FolderDataset) and not entry.download)
        path = getattr(entry, "path", None)
        return Path(path) if own and path else None

    def has_slides(self, dataset: str) -> bool:
        return isinstance(self._config.datasets[dataset], SlidesDataset)

    def parts(self, dataset: str) -> range:
        """The parts that a data set is tiled and embedded in."""
        return range(self._config.datasets[dataset].parts)

    def tiled(self, dataset: str) -> list[str]:
        return [self.paths.tiled(dataset, i, len(self.parts(dataset))) for i in self.parts(dataset)]

    # --------------------------------------------------------------------------------------------------- corpora

    def corpus_entry(self, corpus: str) -> dict[str, Any]:
        """The corpus's entry without what its text does not depend on."""
        entry = self._config.corpora[corpus]
        values = without(plain(entry), set(Data.model_fields) | set(entry.downloads))
        if entry.downloads:
            values["files"] = {role: self._unpacked(key) for role, key in entry.downloads.items()}
        return values

    def corpus_downloaded(self, corpus: str) -> list[str]:
        """What must be downloaded before the corpus can be read."""
        self._check_accepted([("corpora", corpus)])
        return self._downloaded(self._config.corpora[corpus])

    def corpus_fingerprint(self, corpus: str) -> str | None:
        """Changes when an own report does."""
        entry = self._config.corpora[corpus]
        if not isinstance(entry, TextCorpus):
            return None
        return self._once(("reports", corpus), lambda: fingerprint_files(entry.path))
