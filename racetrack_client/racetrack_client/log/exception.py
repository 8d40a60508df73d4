"""Errors as one line of text.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import traceback
from pathlib import Path

from racetrack_client.log.context_error import describe_error, get_root_cause
from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)


def short_exception_details(error: BaseException) -> str:
    """Return one line: the message, the class of the root cause, and the place where it was raised."""
    root = get_root_cause(error)
    message = " ".join(describe_error(error).split())
    return f'{message}, cause={type(root).__name__}, traceback="{describe_traceback(root)}"'


def describe_traceback(error: BaseException) -> str:
    """Return the frames of the error's traceback as `file:line`, the outermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    return ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)


def log_exception(error: BaseException) -> None:
    """Log an error in one line, at the edge of a program."""
    logger.error(short_exception_details(error))
