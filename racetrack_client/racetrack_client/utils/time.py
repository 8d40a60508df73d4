"""Times as users read them.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import re
from datetime import UTC, datetime

from racetrack_client.log.errors import ValidationError

_STEPS = [
    (10, 1, "just now"),
    (60, 1, "{} seconds ago"),
    (120, 60, "a minute ago"),
    (3600, 60, "{} minutes ago"),
    (7200, 3600, "an hour ago"),
    (86400, 3600, "{} hours ago"),
    (2 * 86400, 86400, "yesterday"),
    (7 * 86400, 86400, "{} days ago"),
    (14 * 86400, 7 * 86400, "a week ago"),
    (31 * 86400, 7 * 86400, "{} weeks ago"),
    (60 * 86400, 30 * 86400, "a month ago"),
    (365 * 86400, 30 * 86400, "{} months ago"),
    (730 * 86400, 365 * 86400, "a year ago"),
]


def now() -> datetime:
    """Return the current time in UTC, timezone-aware."""
    return datetime.now(UTC)


def datetime_to_timestamp(moment: datetime) -> int:
    """Return the moment as whole UNIX seconds."""
    return int(moment.timestamp())


def days_ago_text(timestamp: int | None, now_timestamp: int) -> str:
    """Return how long ago a moment was: `never` for None, an empty text for the future."""
    if not timestamp:
        return "never"
    seconds = now_timestamp - timestamp
    if seconds < 0:
        return ""
    for limit, unit, text in _STEPS:
        if seconds < limit:
            return text.format(seconds // unit)
    return f"{seconds // (365 * 86400)} years ago"


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGE = re.compile(r"(?:\d+[smhdw])+")


def parse_moment(text: str, now_timestamp: float) -> float:
    """Return UNIX seconds for how long ago, such as 90s, 10m or 1h30m, or for a time, local unless it names a zone.

    Raises ValidationError for other texts.
    """
    if _AGE.fullmatch(text):
        parts = re.findall(r"(\d+)([smhdw])", text)
        return now_timestamp - sum(int(number) * _UNITS[unit] for number, unit in parts)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValidationError(
            f"{text!r} is no time; say how long ago, such as 90s, 10m, 2h or 1d, or a time such as 2026-05-01T12:30"
        ) from None
