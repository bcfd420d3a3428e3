"""Models of the Hugging Face hub as folders: fetched once into the hub's cache, then loaded without the network."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clipit.artifacts.tables import read_json
from clipit.runtime.errors import UserError
from clipit.runtime.hub import HubFile, HubRepo, cached_file, fetch_files, list_files
from clipit.runtime.names import HUB

_TEXT = (".json", ".txt", ".model")  # endings of configurations and tokenizers
_TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json")


@dataclass(frozen=True)
class Format:
    """How a library keeps a model in a folder: its configuration, and its weights in order of preference.

    `key` is an entry of the configuration that no other library's file of that name has.
    """

    config: str | None
    weights: tuple[str, ...]
    key: str | None = None

    def chosen(self, names: Collection[str]) -> str | None:
        """The weights that are loaded where there are these files."""
        return next((name for name in self.weights if name in names), None)

    def configures(self, folder: Path | None) -> bool:
        """Whether the configuration in `folder`, if one is needed, is this library's."""
        if self.config is None:
            return True
        if folder is None or not (folder / self.config).is_file():
            return False
        try:
            config = json.loads((folder / self.config).read_text(encoding="utf-8"))
        except ValueError:
            return False
        return self.key is None or self.key in config

    def __str__(self) -> str:
        config = self.config and self.config + (f" with {self.key!r}" if self.key else "")
        return ", ".join(filter(None, (config, f"and one of {', '.join(self.weights)}")))


TIMM = Format("config.json", ("model.safetensors", "pytorch_model.bin"), "architecture")
TRANSFORMERS = Format("config.json", ("model.safetensors", "pytorch_model.bin"), "model_type")
OPEN_CLIP = Format(
    "open_clip_config.json",
    (
        "open_clip_model.safetensors",
        "open_clip_pytorch_model.safetensors",
        "open_clip_pytorch_model.bin",
        "model.safetensors",
        "pytorch_model.bin",
    ),
)
CONCH = Format(None, ("pytorch_model.bin",))
CLIPIT = Format("student.json", ("model.safetensors", "student.safetensors"), "classes")
FORMATS = {"timm": TIMM, "open_clip": OPEN_CLIP, "transformers": TRANSFORMERS, "conch": CONCH}
"""By the kind of the catalog's entries."""


def parse_name(name: str) -> HubRepo:
    """`organisation/model[@revision]`, with or without `hf-hub:` before it."""
    repo, _, revision = name.removeprefix(HUB).partition("@")
    return HubRepo(repo, revision=revision or "main")


def pinned(name: str, marker: str | Path | None) -> str:
    """The hub's model `name` at the commit that was fetched, as `marker` tells (see `at_commit`)."""
    return name if marker is None else f"{HUB}{(repo := at_commit(parse_name(name), marker)).name}@{repo.revision}"


def at_commit(repo: HubRepo, marker: str | Path | None) -> HubRepo:
    """`repo` at the commit in `marker`, the file that holds what `fetch_model` returned; as it is without one.

    Where a branch of the cache, which other projects share, has moved since, the model stays.
    """
    if marker is None:
        return repo
    fetched = read_json(marker)
    commits = {each["repo"]: each["commit"] for each in (*fetched["needs"], fetched)}
    return replace(repo, revision=commits.get(repo.name, repo.revision))


def fetch_model(name: str, kinds: Iterable[str]) -> dict[str, Any]:
    """Fetches the model `organisation/model[@revision]`, and all that loading it reads, into the hub's cache.

    That is: configurations and tokenizers, and the weights in one file for each of `kinds` (keys of `FORMATS`), for a
    repository may hold several libraries' copies; safetensors where there is a choice. The hub is not asked for what
    is in the cache.

    Returns:
        JSON values: `repo`, `revision`, `commit`, `files` (path -> bytes), and `needs`, the same for each further
        repository that an open_clip model takes its text tower's configuration or its tokenizer from.

    Raises:
        UserError: access, name, network or disk, or no model of such a kind; one line that says what to do.
    """
    repo, forms = parse_name(name), [FORMATS[kind] for kind in kinds]
    folder = _cached(repo, forms) or _fetched(repo, forms)
    further = _further(folder) if OPEN_CLIP in forms else []
    needs = [_record(other, text_folder(other, parts), []) for other, parts in further]
    return _record(repo, folder, forms) | {"needs": needs}


def cached_model(name: str, form: Format) -> tuple[Path | None, list[HubRepo]]:
    """The cached folder of a model, and which repositories that loading it reads are not cached; no network is used."""
    repo = parse_name(name)
    folder = _cached(repo, [form])
    if folder is None:
        return None, [repo]
    further = _further(folder) if form is OPEN_CLIP else []
    return folder, [other for other, parts in further if _cached_texts(other, parts) is None]


def model_folder(name: str, form: Format, *, weights: bool = True, marker: str | Path | None = None) -> Path:
    """The folder of the model `hf-hub:organisation/model[@revision]`; the network is used only if it is not cached.

    Args:
        form: how the library that will load it keeps a model.
        weights: False: its configuration is enough.
        marker: see `at_commit`.

    Raises:
        UserError: as `fetch_model`; or the repository holds no model of this form.
    """
    repo = at_commit(parse_name(name), marker)
    if weights:
        return _cached(repo, [form]) or _fetched(repo, [form])
    folder = text_folder(repo, ["tower"])
    if not form.configures(folder):
        raise _no_model(repo, form)
    return folder


def further_repos(folder: Path) -> dict[str, list[str]]:
    """The repositories that the open_clip model in `folder` takes something from, and what.

    `tower`: the configuration of its text tower; `tokenizer`: its tokenizer, where `folder` has none.
    """
    if not (folder / "open_clip_config.json").is_file():
        return {}
    text = json.loads((folder / "open_clip_config.json").read_text(encoding="utf-8"))["model_cfg"]["text_cfg"]
    has_tokenizer = any((folder / name).is_file() for name in _TOKENIZER)
    further: dict[str, list[str]] = {}
    for what, key in (("tower", "hf_model_name"), ("tokenizer", "hf_tokenizer_name")):
        name = text.get(key)
        if name and not Path(name).is_dir() and not (what == "tokenizer" and has_tokenizer):
            further.setdefault(name, []).append(what)
    return further


def text_folder(repo: HubRepo, parts: Sequence[str]) -> Path:
    """A folder with `parts` of another repository (see `further_repos`), fetched unless they are cached."""
    if cached := _cached_texts(repo, parts):
        return cached
    instead = elsewhere(repo)
    at, listing = list_files(repo, instead=instead)
    return fetch_files(at, text_files(listing.files), instead=instead)[0].parent


def text_files(files: Iterable[HubFile]) -> list[HubFile]:
    """Configurations and tokenizers, at the top of a repository."""
    return [file for file in files if "/" not in file.path and file.path.endswith(_TEXT)]


def _fetched(repo: HubRepo, forms: Iterable[Format]) -> Path:
    """Fetches texts, then the weights of each form: where the weights lie, all else does."""
    instead = elsewhere(repo)
    at, listing = list_files(repo, instead=instead)
    texts = fetch_files(at, text_files(listing.files), instead=instead)
    names, wanted = {file.path for file in listing.files}, set()
    for form in forms:
        weights = _weights(form, names, texts[0].parent if texts else None)
        if weights is None:
            raise _no_model(repo, form)
        wanted.add(weights)
    return fetch_files(at, [file for file in listing.files if file.path in wanted], instead=instead)[0].parent


def _no_model(repo: HubRepo, form: Format) -> UserError:
    return UserError(f"{repo} is no model of this kind: {repo.page} does not hold {form}")


def _cached_texts(repo: HubRepo, parts: Sequence[str]) -> Path | None:
    files = {"tower": ("config.json",), "tokenizer": _TOKENIZER}
    cached = [[path for file in files[part] if (path := cached_file(repo, file))] for part in parts]
    return cached[0][0].parent if all(cached) else None


def _further(folder: Path) -> list[tuple[HubRepo, list[str]]]:
    return [(HubRepo(name), parts) for name, parts in sorted(further_repos(folder).items())]


def _cached(repo: HubRepo, forms: Sequence[Format]) -> Path | None:
    """The cached folder that holds a model of each of `forms`."""
    for name in forms[0].weights:
        found = cached_file(repo, name)
        if found is not None and all(_weights(form, _names(found.parent), found.parent) for form in forms):
            return found.parent
    return None


def _weights(form: Format, names: Collection[str], folder: Path | None) -> str | None:
    """Which of the files `names` the model of `form` loads, if there is one; configurations lie in `folder`."""
    if not form.configures(folder):
        return None
    if form is OPEN_CLIP and (TIMM.configures(folder) or TRANSFORMERS.configures(folder)):
        names = set(names) - set(TRANSFORMERS.weights)  # these are the other library's
    return form.chosen(names)


def _names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if file.is_file()}


def _record(repo: HubRepo, folder: Path, forms: Iterable[Format]) -> dict[str, Any]:
    """What a cached folder is and holds, of the files that loading a model of each of `forms` reads."""
    names = _names(folder)
    read = {name for name in names if name.endswith(_TEXT)} | {_weights(form, names, folder) for form in forms}
    files = {name: (folder / name).stat().st_size for name in sorted(filter(None, read))}
    return {"repo": repo.name, "revision": repo.revision, "commit": folder.name, "files": files}


def elsewhere(repo: HubRepo) -> str:
    """What to do about a model where there is no network."""
    at = "" if repo.revision == "main" else f" --revision {repo.revision}"
    return f"or run `hf download {repo.name}{at}` elsewhere and bring it here (docs/gated_models.md)"
