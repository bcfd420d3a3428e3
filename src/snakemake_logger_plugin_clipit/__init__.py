"""The `logger: clipit` of the profiles, which Snakemake finds by this package's name: `clipit.workflow.terminal`."""

import sys
from logging import LogRecord

from snakemake_interface_logger_plugins.base import LogHandlerBase

from clipit.workflow.terminal import Terminal


class LogHandler(LogHandlerBase):
    """Hands every record to a `Terminal`; Snakemake's own filter (`quiet:`) stands before it."""

    def __post_init__(self) -> None:
        settings = self.common_settings
        stream = sys.stdout if settings.stdout else sys.stderr
        self._terminal = Terminal(stream, sys.argv, dry_run=settings.dryrun, colour=not settings.nocolor)

    def emit(self, record: LogRecord) -> None:
        try:
            self._terminal.show(record)
        except Exception:
            self.handleError(record)

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = True
    needs_rulegraph = False
