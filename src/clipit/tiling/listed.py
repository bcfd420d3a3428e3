"""The items of a data set as its tables hold them."""

from dataclasses import fields

from clipit.artifacts.tables import Stored
from clipit.sources.image_source import Item

_COLUMNS = [field.name for field in fields(Item)]


def stored_items(stored: Stored, rows: range | None = None) -> list[Item]:
    """The items of a table with the columns of `items`, in its order: all, or those of consecutive `rows`."""
    table = stored.table.select(_COLUMNS)
    if rows is not None:
        table = table.slice(rows.start, len(rows))
    return [Item(*values) for values in zip(*(column.to_pylist() for column in table.itercolumns()), strict=True)]
