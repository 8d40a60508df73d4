"""Log lines: for people, or as JSON for machines.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import json
import logging
import sys
import time
from typing import Any, TextIO

_LEVEL_NAMES = {"CRITICAL": "CRIT ", "WARNING": "WARN ", "INFO": "INFO "}
_LEVEL_COLORS = {"CRITICAL": "31", "ERROR": "31", "WARNING": "33", "INFO": "34", "DEBUG": "32"}
_LEVELS = {"warn": "WARNING", "crit": "CRITICAL", "off": "CRITICAL"}
# Uvicorn repeats its message in `color_message`.
_NO_FIELDS = set(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module: `logger = get_logger(__name__)`."""
    return logging.getLogger(name)


def configure_logs(
    log_level: str = "info",
    *,
    structured: bool = False,
    debug_format: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Send all records from `log_level` up to a stream, by default to stderr."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        StructuredFormatter()
        if structured
        else LineFormatter(color=stream.isatty(), show_logger=debug_format)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS.get(log_level.lower(), log_level.upper()))
    # Operators do not need a line for each HTTP request of a library.
    for chatty in ("httpx", "httpcore", "urllib3", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class LineFormatter(logging.Formatter):
    """`[2026-01-31 12:00:00] INFO  message, key=value`, for people."""

    def __init__(self, *, color: bool, show_logger: bool) -> None:
        super().__init__()
        self._color = color
        self._show_logger = show_logger

    def format(self, record: logging.LogRecord) -> str:
        moment = time.localtime(record.created)
        clock = time.strftime("%Y-%m-%d %H:%M:%S", moment) + ("" if moment.tm_gmtoff else "Z")
        level = _LEVEL_NAMES.get(record.levelname, record.levelname)
        color = _LEVEL_COLORS.get(record.levelname, "0")
        head = f"{self._paint(f'[{clock}]', '2')} {self._paint(level, color)}"
        if self._show_logger:
            head = f"{head} {record.name}:{record.lineno}"
        fields = "".join(f", {key}={value}" for key, value in _extra_fields(record).items())
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{head} {record.getMessage()}{fields}{trace}"

    def _paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._color else text


class StructuredFormatter(logging.Formatter):
    """One JSON object a line, for machines."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "lvl": record.levelname,
            "msg": record.getMessage(),
            "logger": record.name,
            **_extra_fields(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["cause"] = type(record.exc_info[1]).__name__
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def _extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    return {
        key: value
        for key, value in vars(record).items()
        if key not in _NO_FIELDS and value is not None and value != ""
    }
