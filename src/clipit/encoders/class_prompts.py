"""The classes of a data set as texts."""

from collections.abc import Iterable

TEMPLATE = "an H&E image of {class}"


def class_prompts(classes: Iterable[str], template: str = TEMPLATE) -> list[str]:
    """`template` once a class, with its name for `{class}`, underscores as spaces."""
    return [template.replace("{class}", name.replace("_", " ")) for name in classes]
