"""The log-in page: browsers get it where programs get a 401, and it leads back to the job that they asked for."""

import re
from dataclasses import dataclass
from html import escape

from pub.proxy.call import Call, read_header
from pub.proxy.errors import CallFailed, Headers
from pub.routing.route import parse_job_path

PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    # The page loads nothing, runs no scripts, posts to this gateway only, and can't be framed by a job's page.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_ROOT = re.compile(r"^.*?/(?=(job|fatman)/)", re.DOTALL)
"""The part of a job's URL that precedes `job/NAME/VERSION`."""
_FORM = """<form method="post" action="{action}">
<input type="hidden" name="next" value="{link}">
<label>User<input name="username" autocomplete="username" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in to Racetrack</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
main {{ max-width: 24rem; margin: 15vh auto; padding: 0 1rem; }}
label {{ display: block; margin: 1rem 0; }}
input {{ box-sizing: border-box; width: 100%; padding: .5rem; font: inherit; }}
button {{ padding: .5rem 1.5rem; font: inherit; }}
</style>
</head>
<body>
<main>
<h1>Racetrack</h1>
<p>{message}</p>
{form}</main>
</body>
</html>
"""


@dataclass(frozen=True)
class LoginPage:
    """A page with a form that logs in and then opens a job."""

    message: str
    action: str = "login"
    """The address that the form is sent to, relative to the page."""
    link: str = ""
    """The address of the job, relative to the root of the gateway; empty when none was asked for."""

    def render(self) -> bytes:
        """Return the page as HTML."""
        form = _FORM.format(action=escape(self.action), link=escape(self.link))
        return _render(self.message, form)


def render_message(message: str) -> bytes:
    """Return a page without a form."""
    return _render(message, "")


def is_for_browser(call: Call) -> bool:
    """Return whether a person opens the URL of the call in a browser."""
    accepted = read_header(call.headers, b"accept")
    return call.scope["type"] == "http" and call.method == "GET" and "text/html" in accepted


def render_refusal(call: Call, failure: CallFailed) -> tuple[Headers, bytes]:
    """Return the headers and the body of the page in place of a refusal.

    Its links are relative, so they hold behind a proxy that serves the gateway below another path.
    """
    path = _ROOT.sub("", call.raw_path, count=1)
    action = "../" * path.count("/") + "login"
    body = LoginPage(_describe(failure), action, f"{path}{call.query}").render()
    headers = PAGE_HEADERS | {
        "Content-Length": str(len(body)),
        call.tracing_header: call.tracing_id,
    }
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()], body


def find_job_link(text: str) -> str | None:
    """Return the address of a job, relative to the root of the gateway, if the text is one; None otherwise."""
    is_plain = text.isascii() and text.isprintable() and not set(text) & set(" \\")
    path = "/" + text.partition("?")[0]
    return text if is_plain and parse_job_path(path, "") is not None else None


def _describe(failure: CallFailed) -> str:
    reason = failure.error.removeprefix("Proxy request error: ")
    if reason.startswith("Unauthenticated"):
        return "Log in to open this job."
    return f"You can't open this job: {reason}. Log in as another user, if you have one."


def _render(message: str, form: str) -> bytes:
    return _PAGE.format(message=escape(message), form=form).encode()
