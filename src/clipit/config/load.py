"""From YAML to a checked configuration, with messages that say what to change."""

import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from clipit.config.datasets import CaptionedDataset
from clipit.config.derived import add_derived, impossible
from clipit.config.encoders import AlignedRetriever, RetrieverBackbone, SimclrBackbone, TextPolicyRetriever
from clipit.config.experiment import Config
from clipit.config.lists import as_list
from clipit.config.names import COLOUR, DRAWN
from clipit.runtime.errors import UserError
from clipit.runtime.names import nearest

SECTIONS = ("downloads", "datasets", "corpora", "retrievers", "backbones", "pairings")
_TAGS = ("source", "kind", "method")


def load_config(raw: Mapping[str, Any], catalog: str | Path) -> Config:
    """The checked configuration made of `raw` (as Snakemake holds it) and the catalog file.

    An entry of `raw` with the name of a catalog entry changes the keys it gives; one that says its own `source`,
    `kind` or `method` replaces the entry.

    Raises:
        UserError: one line for each mistake, with the key, the value, and the nearest allowed one.
    """
    merged = dict(raw)
    named = yaml.safe_load(Path(catalog).read_text(encoding="utf-8"))
    for section in SECTIONS:
        if not isinstance(raw.get(section) or {}, Mapping):
            raise UserError(f"config: {section} must map names to entries, not {type(raw[section]).__name__}")
        merged[section] = merge_entries(named.get(section) or {}, raw.get(section) or {})
    try:
        config = Config.model_validate(merged)
    except ValidationError as error:
        raise UserError("; ".join(_explain(problem) for problem in _telling(error.errors()))) from None
    problems = list(_unknown_names(config)) or list(impossible(config))
    if problems:
        raise UserError("; ".join(problems))
    add_derived(config)
    return config


def merge_entries(catalog: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The catalog's entries with one's own put over them."""
    merged = dict(catalog)
    for name, entry in own.items():
        if isinstance(entry, Mapping) and name in merged and not any(tag in entry for tag in _TAGS):
            entry = deep_merge(merged[name], entry)
        merged[name] = entry
    return merged


def deep_merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`below` with `above` over it, mapping by mapping, as Snakemake joins its config files."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = deep_merge(merged[key], value) if both else value
    return merged


def hint(name: str, allowed: Iterable[str]) -> str:
    """What may have been meant, and what is allowed."""
    allowed = sorted(allowed)
    return f"{nearest(str(name), allowed)} (allowed: {', '.join(allowed)})"


def _telling(problems: list[Any]) -> list[Any]:
    """The problems without those of a union's other alternatives (a mapping is "not a valid string" either)."""
    telling = [p for p in problems if p["type"] not in ("string_type", "list_type") or isinstance(p["input"], str)]
    return telling or problems


def _explain(problem: Any) -> str:
    location = problem["loc"]
    shown = ".".join(str(part) for part in _visible(location))
    if problem["type"] == "extra_forbidden":
        model = _model_at(Config, location[:-1])
        allowed = [field.alias or name for name, field in model.model_fields.items()] if model else []
        return f"config: unknown key {shown!r}{hint(str(location[-1]), allowed)}"
    if problem["type"] == "literal_error":
        allowed = [part.strip("' ") for part in problem["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return f"config: {shown} = {problem['input']!r} is unknown{hint(str(problem['input']), allowed)}"
    if problem["type"] == "union_tag_invalid":
        allowed = [part.strip("' ") for part in problem["ctx"]["expected_tags"].split(",")]
        key, tag = problem["ctx"]["discriminator"].strip("'"), problem["ctx"]["tag"]
        return f"config: {shown}.{key} = {tag!r} is unknown{hint(tag, allowed)}"
    if problem["type"] == "missing":
        return f"config: {shown} is missing"
    if problem["type"] == "value_error":  # of our own validators, whose messages say all that may be shown
        return f"config: {shown}: {problem['ctx']['error']}"
    given = problem["input"] if isinstance(problem["input"], str | int | float | bool) else "…"
    return f"config: {shown} = {given!r}: {problem['msg'].lower()}"


def _visible(location: tuple[str | int, ...]) -> list[str | int]:
    """The location without the parts that pydantic adds for unions (the tag, the type's name)."""
    visible: list[str | int] = []
    for i, part in enumerate(location):
        is_tag = i == 2 and location[0] in SECTIONS
        is_type = isinstance(part, str) and (
            part.startswith(("constrained-", "list[")) or part in ("str", "WordsTower")
        )
        if not (is_tag or is_type):
            visible.append(part)
    return visible


def _model_at(model: type[BaseModel], location: tuple[str | int, ...]) -> type[BaseModel] | None:
    """The model that the keys at `location` belong to."""
    kinds: list[Any] = [model]
    for part in location:
        step: list[Any] = []
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                for name, field in kind.model_fields.items():
                    if part in (name, field.alias):
                        step += _alternatives(field.annotation)
                if any(part in typing.get_args(f.annotation) for n, f in kind.model_fields.items() if n in _TAGS):
                    step.append(kind)
                if part == kind.__name__:
                    step.append(kind)
            elif typing.get_origin(kind) in (dict, list):
                step += _alternatives(typing.get_args(kind)[-1])
        kinds = step
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return models[0] if models else None


def _alternatives(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _alternatives(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(annotation) for kind in _alternatives(part)]
    return [annotation]


def _unknown_names(config: Config) -> Iterable[str]:
    """A line for every name that the catalog does not have."""

    def check(where: str, names: Any, section: str) -> Iterable[str]:
        for name in as_list(names):
            if name not in getattr(config, section):
                yield f"config: {where} = {name!r} is not in the catalog{hint(name, getattr(config, section))}"

    if COLOUR in config.backbones:
        yield f"config: backbones.{COLOUR} is the name of the variant without a network: choose another"
    for name in config.pairings:
        if name.startswith(DRAWN):
            own = f"names that begin with {', '.join(DRAWN[:-1])} or {DRAWN[-1]} are clipit's own"
            yield f"config: pairings.{name}: {own}: choose another"
    for title, experiment in config.experiments.items():
        for key in ("variants", "seeds"):
            values = getattr(experiment, key)
            if len(set(values)) < len(values):
                yield f"config: experiments.{title}.{key} names one twice: {values}"
        at = f"experiments.{title}"
        yield from check(f"{at}.dataset", experiment.dataset, "datasets")
        yield from check(f"{at}.corpus", experiment.corpus, "corpora")
        yield from check(f"{at}.retriever", experiment.retriever, "retrievers")
        yield from check(f"{at}.backbone", experiment.backbone, "backbones")
        yield from check(f"{at}.pairing", experiment.pairing, "pairings")
        yield from check(f"{at}.audit", experiment.audit, "pairings")
        yield from check(f"{at}.extra_tests", [extra.dataset for extra in experiment.extra_tests], "datasets")
    for section in ("datasets", "corpora"):
        for name, entry in getattr(config, section).items():
            for role, download in entry.downloads.items():
                yield from check(f"{section}.{name}.{role}", download, "downloads")
    for name, backbone in config.backbones.items():
        if isinstance(backbone, SimclrBackbone):
            yield from check(f"backbones.{name}.dataset", backbone.dataset, "datasets")
        if isinstance(backbone, RetrieverBackbone):
            yield from check(f"backbones.{name}.retriever", backbone.retriever, "retrievers")
    for name, retriever in config.retrievers.items():
        if isinstance(retriever, TextPolicyRetriever):
            yield from check(f"retrievers.{name}.retriever", retriever.retriever, "retrievers")
            if isinstance(config.retrievers.get(retriever.retriever), TextPolicyRetriever):
                yield f"config: retrievers.{name}.retriever = {retriever.retriever!r} is a text policy: name another"
        if isinstance(retriever, AlignedRetriever):
            yield from check(f"retrievers.{name}.captioned", retriever.captioned, "datasets")
            yield from check(f"retrievers.{name}.image", retriever.image, "backbones")
            if isinstance(config.backbones.get(retriever.image), RetrieverBackbone):
                yield f"config: retrievers.{name}.image = {retriever.image!r} is a retriever's tower: name a timm one"
            captioned = config.datasets.get(retriever.captioned)
            has_captions = isinstance(captioned, CaptionedDataset) or getattr(captioned, "cohort", None) == "source"
            if captioned is not None and not has_captions:
                yield f"config: retrievers.{name}.captioned = {retriever.captioned!r} is a data set without captions"
