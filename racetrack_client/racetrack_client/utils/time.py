"""Times as users read them.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from datetime import UTC, datetime

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
