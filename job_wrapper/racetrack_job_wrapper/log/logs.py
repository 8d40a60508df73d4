"""Logs of a job: lines on standard output, with the tracing id and the caller of the current call."""

import io
import json
import logging
import sys
import time
from datetime import datetime, timezone
from typing import Any

from racetrack_job_wrapper.environment import header_names
from racetrack_job_wrapper.log.logger import WrapperHandler, logger
from racetrack_job_wrapper.log.tracebacks import format_traceback
from racetrack_job_wrapper.request import request_context


def configure_logs(*, structured: bool = False, with_caller: bool = False) -> None:
    """Write log records to standard output, as text or as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(_CallFilter(with_caller))
    handler.setFormatter(_JsonFormatter() if structured else _TextFormatter())
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A text with a lone surrogate, such as the name of a file, must cost neither a line nor a call that prints it.
        sys.stdout.reconfigure(errors="backslashreplace")
    logger.console = handler
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("racetrack").setLevel(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    server = logging.getLogger("uvicorn")
    server.handlers[:], server.propagate = [WrapperHandler()], False


def error_text(error: BaseException) -> str:
    """Return the message of an exception, or a substitute that names its class when it has no readable message."""
    try:
        return str(error)
    except BaseException as broken:  # noqa: BLE001 - the exception is the job's, and so is its __str__
        return f"{type(error).__name__}, whose message can't be read ({type(broken).__name__})"


class _CallFilter(logging.Filter):
    def __init__(self, with_caller: bool) -> None:
        super().__init__()
        self.with_caller = with_caller
        self.tracing_header, self.caller_header = header_names()

    def filter(self, record: logging.LogRecord) -> bool:
        request = request_context.get(None)
        details = {}
        if request is not None:
            details["tracing_id"] = request.header(self.tracing_header)
            if self.with_caller:
                details["caller_name"] = request.header(self.caller_header)
        record.call_details = {key: value for key, value in details.items() if value}
        return True


class _Formatter(logging.Formatter):
    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name of logging
        return format_traceback(ei[1], ei[2])


class _TextFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        level = {"WARNING": "WARN ", "CRITICAL": "CRIT "}.get(
            record.levelname, record.levelname.ljust(5)
        )
        details = "".join(
            f", {key}={value}" for key, value in getattr(record, "call_details", {}).items()
        )
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"[{moment}] {level} {record.getMessage()}{details}{trace}"


class _JsonFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # Python 3.10 has no datetime.UTC.
        moment = datetime.fromtimestamp(record.created, timezone.utc)  # noqa: UP017
        line = {
            "time": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
            "lvl": record.levelname,
            "msg": record.getMessage(),
        }
        line |= getattr(record, "call_details", {})
        if record.exc_info:
            line["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(line)
