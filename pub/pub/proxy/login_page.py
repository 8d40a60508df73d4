"""Pages for browsers in place of errors in JSON: the log-in page for a 401, which leads back to the job, and others."""

import re
from dataclasses import dataclass
from html import escape

from pub.proxy.call import Call
from pub.proxy.cookies import read_header
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
_ORIGINS = (
    "Proxy request error: ",
    "Reverse proxy error: ",
    "Job was not found: ",
    "Authorizing Job caller: ",
)
_FORM = """<form method="post" action="{action}">
<input type="hidden" name="next" value="{link}">
<label>User<input name="username" autocomplete="username" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>
"""
_LOGOUT = """<form method="post" action="logout">
<button>Log out</button>
</form>
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
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
        return _render("Log in to Racetrack", self.message, form)


def render_message(message: str) -> bytes:
    """Return a page without a form."""
    return _render("Log in to Racetrack", message, "")


def render_logout(message: str) -> bytes:
    """Return a page with a form that logs out."""
    return _render("Log out of Racetrack", message, _LOGOUT)


def is_for_browser(call: Call) -> bool:
    """Return whether a person opens the URL of the call in a browser."""
    return call.scope["type"] == "http" and call.method == "GET" and _prefers_page(call)


def render_failure(call: Call, failure: CallFailed) -> tuple[Headers, bytes]:
    """Return the headers and the body of the page in place of an error."""
    if failure.status == 401:
        return _render_refusal(call, failure)
    own, _ = failure.render(call)
    message = (
        f"{_capitalize(_strip_origin(failure.error))}. The id of this request is {call.tracing_id}."
    )
    body = _render(f"Racetrack: {failure.status}", message, "")
    page = PAGE_HEADERS | {"Content-Length": str(len(body))}
    replaced = {name.lower().encode(): value.encode() for name, value in page.items()}
    return [*(each for each in own if each[0] not in replaced), *replaced.items()], body


def _render_refusal(call: Call, failure: CallFailed) -> tuple[Headers, bytes]:
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
    reason = _strip_origin(failure.error)
    if reason.startswith("Unauthenticated"):
        return "Log in to open this job."
    return f"You can't open this job: {reason}. Log in as another user, if you have one."


def _prefers_page(call: Call) -> bool:
    """Return whether the caller accepts HTML, and not JSON as gladly."""
    accepted = dict(map(_read_range, read_header(call.headers, b"accept").lower().split(",")))
    return accepted.get("text/html", 0.0) > accepted.get("application/json", 0.0)


def _read_range(text: str) -> tuple[str, float]:
    """Read an item of an Accept header, such as `text/html;q=0.8`: the type, and how gladly it is accepted."""
    kind, *parameters = (each.strip() for each in text.split(";"))
    weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    is_number = weight.replace(".", "", 1).isdecimal()
    return kind, float(weight) if is_number else 0.0


def _strip_origin(error: str) -> str:
    """Return the text of an error without the prefixes that tell programs where in the gateway it arose."""
    for prefix in _ORIGINS:
        error = error.removeprefix(prefix)
    return error


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def _render(title: str, message: str, form: str) -> bytes:
    return _PAGE.format(title=escape(title), message=escape(message), form=form).encode()
