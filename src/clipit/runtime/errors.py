"""The one exception that a user is meant to read."""


class UserError(Exception):
    """A user's mistake: its message says in one line what is wrong, where, and what to do.

    Scripts and the command line print the message alone and exit with a non-zero status; every other exception is a
    defect of clipit and keeps its traceback.
    """
