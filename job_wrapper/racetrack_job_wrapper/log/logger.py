"""The logger of the wrapper's own lines, which a job's logging configuration can't silence."""

import logging
import sys

from racetrack_job_wrapper.log.tracebacks import find_own_frames, summarize_error
from racetrack_job_wrapper.thread_advice import find_thread_advice


class WrapperLogger(logging.Logger):
    """A logger of its own kind: it is in no registry, so that `dictConfig` and `fileConfig` do not disable it.

    Its lines go the way of all others, through the handlers of the root logger. When none of these writes to the
    console, because the job has removed or replaced them, the lines are written by the handler `console`.
    """

    console: logging.Handler | None = None

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name of logging
        """Return whether the level is logged, whatever `logging.disable` has been told."""
        return level >= self.level

    def callHandlers(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name of logging
        """Pass the record to the job's handlers, and to the console when they don't."""
        self.parent = root = logging.getLogger()
        try:
            if root.handlers or self.console is None:
                super().callHandlers(record)
        except Exception:  # noqa: BLE001 - a filter of the job must not break the request that logs a line
            self._write_to_console(record)
        else:
            if not any(_shows(handler, record) for handler in root.handlers):
                self._write_to_console(record)

    def log_failure(self, what: str, error: BaseException, summary: str | None = None) -> None:
        """Log a failure and its exception, with the traceback from the first frame of the job's own code."""
        try:
            self._log_failure(what, error, summary)
        except BaseException:  # noqa: BLE001 - the exception is the job's, and so are its attributes
            name = type(error).__name__
            self.error("%s: %s", what, summary or f"{name}, which can't be described")

    def _log_failure(self, what: str, error: BaseException, summary: str | None) -> None:
        frames = find_own_frames(error.__traceback__)
        has_details = frames or error.__cause__ or isinstance(error, SyntaxError)
        trace = (type(error), error, frames) if has_details else None
        summary = summary or summarize_error(error)
        if (advice := find_thread_advice(summary)) and advice not in summary:
            summary = f"{summary}: {advice}"
        self.error("%s: %s", what, summary, exc_info=trace)

    def _write_to_console(self, record: logging.LogRecord) -> None:
        if self.console is None:
            return
        try:
            self.console.handle(record)
        except Exception:  # noqa: BLE001 - the job has added a filter to the handler, which fails
            self.console.emit(record)


class WrapperHandler(logging.Handler):
    """A handler for loggers of the server, whose lines are the wrapper's, too."""

    def handle(self, record: logging.LogRecord) -> bool:
        """Pass the record to the wrapper's logger."""
        logger.handle(record)
        return True


def _shows(handler: logging.Handler, record: logging.LogRecord) -> bool:
    if record.levelno < handler.level:
        return False
    if isinstance(handler, logging.StreamHandler):
        console = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
        return handler.stream in console and not getattr(handler.stream, "closed", False)
    # Handlers of packages, such as rich, write to the console. Those of the standard library go elsewhere.
    return not type(handler).__module__.startswith("logging")


logger = WrapperLogger("racetrack.job", logging.DEBUG)
