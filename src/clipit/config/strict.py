"""The base of every configuration model: unknown keys are refused, values never change."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Refuses keys that it does not know; a field whose name is a Python keyword goes by its alias."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=(), use_attribute_docstrings=True
    )
