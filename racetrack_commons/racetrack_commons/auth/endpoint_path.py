"""Paths that another server could resolve to a different endpoint than the one they name."""

import re
from urllib.parse import unquote

# Some servers treat a backslash as a slash; others ignore the text after a semicolon.
_DOT_SEGMENT = re.compile(r"(?:^|[/\\])\.\.?(?:;[^/\\]*)?(?:[/\\]|$)")


def has_dot_segments(endpoint: str) -> bool:
    """Return whether an unescaped path has a segment `.` or `..`, perhaps escaped a second time.

    The job might resolve such a segment, and then serve another endpoint than the one that was permitted.
    """
    return _DOT_SEGMENT.search(unquote(endpoint)) is not None
