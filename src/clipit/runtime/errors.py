"""The one exception that a user is meant to read, and what others came from."""

from collections.abc import Iterator


class UserError(Exception):
    """A user's mistake: its message says in one line what is wrong, where, and what to do.

    Scripts and the command line print the message alone and exit with a non-zero status; every other exception is a
    defect of clipit and keeps its traceback.
    """


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, what it came from, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
