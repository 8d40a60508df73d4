"""The cookies that a log-in leaves in a browser, and whether a request that shows one comes from a page of the same host.

No cookie holds a token: each holds a session, which is good for one purpose. A script can read none but the mark.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from racetrack_commons.auth.token import AUTH_HEADER

JOB_COOKIE = "racetrack_jobs"
"""The session that calls jobs."""
PANEL_COOKIE = "racetrack_panel"
"""The session of the admin panel."""
DASHBOARD_COOKIE = "racetrack_dashboard"
"""The session of the dashboard."""
MARK_COOKIE = AUTH_HEADER
"""Older dashboards look whether this cookie is there; programs may put a token into it, as they did before."""
MARK = "logged-in"
"""The value of the mark, which gives no access."""
PANEL_FORM_COOKIE = "starlette_admin_csrftoken"
"""The panel's library compares it with a field of each form."""
PANEL_PATHS = ("/lifecycle/admin", "/admin")
"""The paths that the panel is served at."""
_OWN_SITES = ("same-origin", "none")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def is_same_origin(site: str | None, origin: str | None, hosts: Iterable[str | None]) -> bool:
    """Return whether a request comes from a page of this host, or from a program, which sends neither header.

    `site` is the header `Sec-Fetch-Site`, which browsers send to localhost and over HTTPS; scripts can't change it.
    """
    if site:
        return site in _OWN_SITES
    if not origin:
        return True
    # The origin `null` of a page in a sandbox has no host, and neither has a request without that header.
    host = urlsplit(origin).netloc
    return bool(host) and host in hosts
