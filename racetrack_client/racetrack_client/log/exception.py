"""Errors as one line of text."""

import traceback
from pathlib import Path

from racetrack_client.log.context_error import describe_error, find_root_cause
from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)


def short_exception_details(error: BaseException) -> str:
    """The message, the class of the root cause and where it was raised, in one line."""
    root = find_root_cause(error)
    message = " ".join(describe_error(error).split())
    return f'{message}, cause={type(root).__name__}, traceback="{describe_traceback(root)}"'


def describe_traceback(error: BaseException) -> str:
    """Where the error came from: `file:line`, the outermost frame first."""
    frames = traceback.extract_tb(error.__traceback__)
    return ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)


def log_exception(error: BaseException) -> None:
    """Log an error once, at the edge."""
    logger.error(short_exception_details(error))
