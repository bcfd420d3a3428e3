"""Whether pretrained models are here or can be had."""

import importlib.util
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from clipit.config.encoders import (
    AlignedRetriever,
    SimclrBackbone,
    TextPolicyRetriever,
    TimmBackbone,
    pinned,
)
from clipit.config.experiment import Config
from clipit.doctor.finding import Check, Finding, size_text
from clipit.doctor.hub import look_up
from clipit.encoders.hub import FORMATS, Format, cached_model, elsewhere, parse_name, text_files
from clipit.runtime.hub import HubFile, HubListing, HubRepo, cached_file
from clipit.runtime.names import HUB, LOCAL, nearest

_INSTALL_CONCH = "run `pip install --no-deps git+https://github.com/mahmoodlab/CONCH` (read its licence)"


def model_checks(config: Config, used: dict[str, list[str]]) -> Iterator[Check]:
    """A check for each retriever and backbone that the planned runs use."""
    for name in used["retrievers"]:
        subject, retriever = f"retrievers.{name}", config.retrievers[name]
        if isinstance(retriever, TextPolicyRetriever):
            yield partial(Finding, subject, "PASS", f"retrievers.{retriever.retriever}, reading reports in another way")
        elif isinstance(retriever, AlignedRetriever):
            yield partial(Finding, subject, "PASS", f"trained here, on datasets.{retriever.captioned}")
        elif retriever.kind == "open_clip":
            yield partial(_open_clip, subject, pinned(retriever))
        else:
            if retriever.kind == "conch":
                yield partial(_conch_package, f"{subject} package")
            yield partial(_model, subject, pinned(retriever), retriever.kind)
    for name in used["backbones"]:
        subject, backbone = f"backbones.{name}", config.backbones[name]
        if isinstance(backbone, SimclrBackbone):
            yield partial(Finding, subject, "PASS", f"trained here, on datasets.{backbone.dataset}")
        elif not isinstance(backbone, TimmBackbone):
            yield partial(Finding, subject, "PASS", f"the image tower of retrievers.{backbone.retriever}")
        elif not backbone.pretrained:
            yield partial(Finding, subject, "PASS", "random weights, nothing to fetch")
        else:
            yield partial(_timm, subject, pinned(backbone))


def _model(subject: str, name: str, kind: str) -> Finding:
    """A model of the hub, or one in a folder."""
    form = FORMATS[kind]
    if not name.startswith(HUB):
        return _folder(subject, name, form)
    repo, (folder, missing) = parse_name(name), cached_model(name, form)
    if folder is not None and not missing:
        size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        return Finding(subject, "PASS", f"{repo} in the hub's cache at {folder}, {size_text(size)}", size=size)
    if folder is not None:
        # Of the repository that its text tower's configuration or its tokenizer comes from, texts are enough.
        other = missing[0]
        return look_up(subject, other, _texts, looked_for="a configuration", instead=elsewhere(other))
    needed = partial(_needed, form=form)
    return look_up(subject, repo, needed, looked_for=f"a model of {kind}", instead=elsewhere(repo))


def _texts(listing: HubListing) -> Sequence[HubFile]:
    return text_files(listing.files)


def _needed(listing: HubListing, form: Format) -> Sequence[HubFile]:
    by_name = {file.path: file for file in listing.files}
    weights = form.chosen(by_name)
    if weights is None or (form.config and form.config not in by_name):
        return []
    return [*text_files(listing.files), by_name[weights]]


def _folder(subject: str, name: str, form: Format) -> Finding:
    folder = Path(name.partition(":")[2])
    if not folder.is_dir():
        return Finding(subject, "FAIL", f"there is no folder {folder.resolve()}", f"correct {subject}.name")
    weights = [file.stat().st_size for file in folder.iterdir() if file.suffix in (".safetensors", ".bin", ".pth")]
    if not form.configures(folder) or not weights:
        wanted = " and ".join(filter(None, (form.config, "weights")))
        return Finding(subject, "FAIL", f"{folder} is no model of this kind", f"put its {wanted} there")
    return Finding(subject, "PASS", f"in {folder}", size=max(weights))


def _timm(subject: str, name: str) -> Finding:
    if ":" in name:
        return _model(subject, name, "timm")
    import timm

    entry = timm.get_pretrained_cfg(name)
    if entry is None or not entry.has_weights:
        known = nearest(name, timm.list_pretrained(), 3)
        return Finding(subject, "FAIL", f"timm has no pretrained weights {name!r}{known}", f"correct {subject}.name")
    return _named(subject, entry.hf_hub_id, entry.hf_hub_filename or "", entry.url, "timm")


def _open_clip(subject: str, name: str) -> Finding:
    if name.startswith((LOCAL, HUB)):
        return _model(subject, name, "open_clip")
    import open_clip

    model, _, tag = name.partition(":")
    entry = open_clip.get_pretrained_cfg(model, tag)
    if not entry:
        return Finding(subject, "FAIL", f"open_clip has no model and weights {name!r}", f"correct {subject}.name")
    repo, _, file = entry.get("hf_hub", "").rpartition("/")
    return _named(subject, repo, file, entry.get("url"), "open_clip")


def _named(subject: str, repo_name: str | None, file: str, url: str | None, kind: str) -> Finding:
    """A model by its name in timm or open_clip, which fetch its weights themselves: from the hub, or an address."""
    if not repo_name:
        return Finding(subject, "WARN", f"its weights come from {url}, not from the hub", "see that it can be reached")
    repo = HubRepo(repo_name)
    weights = Format(None, (file,) if file else FORMATS[kind].weights)
    if cached := next(filter(None, (cached_file(repo, name) for name in weights.weights)), None):
        return Finding(subject, "PASS", f"{repo} in the hub's cache", size=cached.stat().st_size)

    def needed(listing: HubListing) -> Sequence[HubFile]:
        return _needed(listing, weights)[-1:]

    return look_up(subject, repo, needed, looked_for=f"weights of {kind}", instead=elsewhere(repo))


def _conch_package(subject: str) -> Finding:
    if importlib.util.find_spec("conch") is None:
        return Finding(subject, "FAIL", "CONCH needs its authors' package `conch`", _INSTALL_CONCH)
    return Finding(subject, "PASS", "the authors' package `conch` is installed")
