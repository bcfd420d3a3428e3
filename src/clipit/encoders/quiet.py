"""What `transformers` says while it loads a model."""

from collections.abc import Iterator
from contextlib import contextmanager

import transformers


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps `transformers` from warning of weights that are not used and from drawing bars into the log."""
    log, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(log)
        if bars:
            transformers.logging.enable_progress_bar()
