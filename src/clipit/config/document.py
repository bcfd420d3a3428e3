"""The page of all configuration keys, made from the models.

`python -m clipit.config.document > docs/configuration.md`
"""

import types
import typing
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from clipit.config.experiment import Config
from clipit.config.variants import VARIANTS

_HEAD = """# Configuration

`config/config.yaml` is the default; `snakemake --configfile other.yaml` replaces it; `--config key=value` comes on top.
`config/catalog.yaml` names data sets, corpora, retrievers, backbones and pairings once; a config picks from it, adds
entries, or changes keys of one (an entry that says its own `source`, `kind` or `method` replaces the catalog's). Names
are lower-case letters, digits and underscores. An unknown key stops the run before any job.

This page is generated from `src/clipit/config/`.
"""


def document() -> str:
    """The whole page, Markdown."""
    sections = [_HEAD, _table(Config, "Top level")]
    seen: set[type[BaseModel]] = {Config}
    pending = _models(Config)
    while pending:
        model = pending.pop(0)
        if model not in seen:
            seen.add(model)
            sections.append(_table(model, model.__name__))
            pending = _models(model) + pending
    variants = [f"| `{name}` | {variant.meaning} |" for name, variant in VARIANTS.items()]
    sections.append("\n".join(["## Variants", "", "| variant | what it is |", "|---|---|", *variants]))
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _table(model: type[BaseModel], title: str) -> str:
    lines = [
        f"## {title}",
        "",
        (model.__doc__ or "").strip(),
        "",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, field in model.model_fields.items():
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        kind = _kind(field.annotation).replace("|", "\\|")
        lines.append(f"| `{field.alias or name}` | {kind} | {_default(field)} | {meaning} |")
    return "\n".join(lines)


def _default(field: Any) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, BaseModel):
        return "see below"
    return f"`{field.default}`"


def _kind(annotation: Any) -> str:
    """A type as people write it."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _kind(arguments[0])
    if origin is typing.Literal:
        return " | ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(_kind(part) for part in arguments)
    if origin is dict:
        return f"name: {_kind(arguments[1])}"
    if origin is list:
        return f"list of {_kind(arguments[0])}"
    if annotation is type(None):
        return "none"
    return str(annotation.__name__)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that a model's fields hold, in order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.values()
        return [found for field in fields for found in _held(field.annotation)]
    return []


def _held(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in _held(part)]


if __name__ == "__main__":
    print(document(), end="")
