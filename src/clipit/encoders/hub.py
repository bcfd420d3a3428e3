"""Models of the Hugging Face hub as folders: fetched once into the hub's cache, then loaded without the network."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clipit.artifacts.tables import read_json
from clipit.runtime.errors import UserError
from clipit.runtime.hub import HubFile, HubRepo, cached_file, fetch_files, list_files

HUB = "hf-hub:"
_TEXT = (".json", ".txt", ".model")  # endings of configurations and tokenizers
_TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json")


@dataclass(frozen=True)
class Format:
    """How a library keeps a model in a folder: its configuration, and its weights in order of preference."""

    config: str | None
    weights: tuple[str, ...]

    def chosen(self, names: Collection[str]) -> str | None:
        """The weights that are loaded from a folder with these files."""
        return next((name for name in self.weights if name in names), None)


TIMM = Format("config.json", ("model.safetensors", "pytorch_model.bin"))
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


def fetch_model(name: str) -> dict[str, Any]:
    """Fetches the model `organisation/model[@revision]`, and all that loading it reads, into the hub's cache.

    That is: configurations and tokenizers, and the weights in one format (safetensors where there is a choice). The
    hub is not asked for what is in the cache.

    Returns:
        JSON values: `repo`, `revision`, `commit`, `files` (path -> bytes), and `needs`, the same for each further
        repository that an open_clip model takes its text tower's configuration or its tokenizer from.

    Raises:
        UserError: access, name, network or disk; one line that says what to do.
    """
    repo = parse_name(name)
    folder = _cached(repo, (TIMM, OPEN_CLIP, CONCH))
    if folder is None or not _forms(folder):
        folder = _fetched(repo)
    needs = [_record(other, text_folder(other, parts), weights=False) for other, parts in _further(folder)]
    return _record(repo, folder) | {"needs": needs}


def cached_model(name: str, form: Format) -> tuple[Path | None, list[HubRepo]]:
    """The cached folder of a model, and which repositories that loading it reads are not cached; no network is used."""
    repo = parse_name(name)
    folder = _cached(repo, (form,))
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
    needed = form if weights else replace(form, weights=(form.config or "",))
    folder = _cached(repo, (needed,))
    if folder is None:
        folder = _fetched(repo) if weights else text_folder(repo, ["tower"])
    if not _complete(folder, needed):
        wanted = ", ".join(filter(None, (form.config, f"and one of {', '.join(form.weights)}")))
        raise UserError(f"{name} is no model of this kind: {repo.page} does not hold {wanted}")
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


def weight_files(names: Collection[str], *, timm: bool) -> list[str]:
    """Which weights of a repository with these files are fetched, in one format for each library.

    `timm`: whether its config.json describes a timm model. A repository may hold several libraries' copies.
    """
    forms = [form for form, there in ((TIMM, timm), (OPEN_CLIP, OPEN_CLIP.config in names)) if there]
    return sorted({name for form in forms or [CONCH] if (name := form.chosen(names))})


def text_files(files: Iterable[HubFile]) -> list[HubFile]:
    """Configurations and tokenizers, at the top of a repository."""
    return [file for file in files if "/" not in file.path and file.path.endswith(_TEXT)]


def _fetched(repo: HubRepo) -> Path:
    """Fetches texts, then weights: where the weights lie, all else does."""
    instead = elsewhere(repo)
    at, listing = list_files(repo, instead=instead)
    texts = fetch_files(at, text_files(listing.files), instead=instead)
    timm = any(_describes_timm(file) for file in texts if file.name == TIMM.config)
    names = weight_files([file.path for file in listing.files], timm=timm)
    if not names:
        raise UserError(f"{repo.page} holds no weights that timm, open_clip or CONCH load: choose another model")
    return fetch_files(at, [file for file in listing.files if file.path in names], instead=instead)[0].parent


def _cached_texts(repo: HubRepo, parts: Sequence[str]) -> Path | None:
    files = {"tower": ("config.json",), "tokenizer": _TOKENIZER}
    cached = [[path for file in files[part] if (path := cached_file(repo, file))] for part in parts]
    return cached[0][0].parent if all(cached) else None


def _further(folder: Path) -> list[tuple[HubRepo, list[str]]]:
    return [(HubRepo(name), parts) for name, parts in sorted(further_repos(folder).items())]


def _cached(repo: HubRepo, forms: Iterable[Format]) -> Path | None:
    """The cached folder that holds a model of one of `forms`."""
    for form in forms:
        for name in filter(None, (form.config, *form.weights)):
            found = cached_file(repo, name)
            if found is not None and _complete(found.parent, form):
                return found.parent
    return None


def _complete(folder: Path, form: Format) -> bool:
    names = _names(folder)
    return (form.config is None or form.config in names) and form.chosen(names) is not None


def _forms(folder: Path) -> list[Format]:
    """The forms in which `folder` holds a model; that of CONCH, which has no configuration, where there is no other."""
    names = _names(folder)
    forms = [form for form in (TIMM, OPEN_CLIP) if _complete(folder, form)]
    if TIMM in forms and not _describes_timm(folder / "config.json"):
        forms.remove(TIMM)
    return forms or [form for form in (CONCH,) if "config.json" not in names and _complete(folder, form)]


def _describes_timm(config: Path) -> bool:
    return "architecture" in json.loads(config.read_text(encoding="utf-8"))


def _names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if file.is_file()}


def _record(repo: HubRepo, folder: Path, *, weights: bool = True) -> dict[str, Any]:
    """What a cached folder is and holds, of the files that loading reads."""
    names = _names(folder)
    read = [name for name in names if name.endswith(_TEXT)]
    read += [name for form in _forms(folder) if weights and (name := form.chosen(names))]
    files = {name: (folder / name).stat().st_size for name in sorted(read)}
    return {"repo": repo.name, "revision": repo.revision, "commit": folder.name, "files": files}


def elsewhere(repo: HubRepo) -> str:
    """What to do about a model where there is no network."""
    at = "" if repo.revision == "main" else f" --revision {repo.revision}"
    return f"or run `hf download {repo.name}{at}` elsewhere and bring it here (docs/gated_models.md)"
