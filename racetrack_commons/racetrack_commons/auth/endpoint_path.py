"""Paths of endpoints that could mean another endpoint than the one they name."""

import re
from urllib.parse import unquote

# Some servers take a backslash for a slash, others leave out what follows a semicolon.
_DOT_SEGMENT = re.compile(r"(?:^|[/\\])\.\.?(?:;[^/\\]*)?(?:[/\\]|$)")


def has_dot_segments(endpoint: str) -> bool:
    """Tell whether `.` or `..` stands between slashes of a path whose escapes are gone, perhaps escaped once more.

    Whoever resolves them decides which endpoint is meant, so the job could serve another one than
    the one that was permitted.
    """
    return _DOT_SEGMENT.search(unquote(endpoint)) is not None
