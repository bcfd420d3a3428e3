"""The items of a data set as its tables hold them."""

from dataclasses import fields

from clipit.artifacts.tables import Stored
from clipit.sources.image_source import Item

_COLUMNS = [field.name for field in fields(Item)]


def stored_items(stored: Stored) -> list[Item]:
    """The items of a table with the columns of `items`, in its order."""
    return [Item(**row) for row in stored.table.select(_COLUMNS).to_pylist()]
