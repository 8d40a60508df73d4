"""The log lines of calls. Thousands come in a second: they are written together, in the form of all other lines."""

import asyncio
import json
import logging
import time

from racetrack_client.log.logs import LineFormatter, StructuredFormatter, get_logger

logger = get_logger(__name__)
_MESSAGE, _ID = "\ue000", "\ue001"
"""Characters that no line of a call holds; they mark the places of its text and its id in a line that was formatted."""


class CallLog:
    """Writes a line for each call at the end of the event loop's turn."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []
        self._templates: dict[logging.Formatter, tuple[int, list[str]]] = {}

    def note(self, text: str, tracing_id: str) -> None:
        """Log a call."""
        if not logger.isEnabledFor(logging.INFO):
            return
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        self._lines.append((text, tracing_id))

    def flush(self) -> None:
        """Write the lines that wait."""
        lines, self._lines = self._lines, []
        source: logging.Logger | None = logger
        while source is not None:
            for handler in source.handlers:
                if handler.level <= logging.INFO:
                    self._write(handler, lines)
            source = source.parent if source.propagate else None

    def _write(self, handler: logging.Handler, lines: list[tuple[str, str]]) -> None:
        formatter = handler.formatter
        is_ours = type(formatter) in (LineFormatter, StructuredFormatter)
        if formatter is None or not is_ours or type(handler) is not logging.StreamHandler:
            for line in lines:
                handler.handle(_make_record(*line))
            return
        before, between, after = self._split_line(formatter)
        if type(formatter) is StructuredFormatter:
            lines = [(json.dumps(text)[1:-1], tracing_id) for text, tracing_id in lines]
        block = "".join(
            [f"{before}{text}{between}{tracing_id}{after}\n" for text, tracing_id in lines]
        )
        handler.acquire()
        try:
            handler.stream.write(block)
            handler.flush()
        finally:
            handler.release()

    def _split_line(self, formatter: logging.Formatter) -> list[str]:
        """Return the parts of a line before, between and after text and id; they are the same for a second."""
        second = int(time.time())
        known = self._templates.get(formatter)
        if known is None or known[0] != second:
            line = formatter.format(_make_record(_MESSAGE, _ID))
            before, _, rest = line.partition(_MESSAGE)
            between, _, after = rest.partition(_ID)
            known = self._templates[formatter] = (second, [before, between, after])
        return known[1]


def _make_record(text: str, tracing_id: str) -> logging.LogRecord:
    extra = {"id": tracing_id}
    return logger.makeRecord(logger.name, logging.INFO, "", 0, text, (), None, extra=extra)
