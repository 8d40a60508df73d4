"""The job's own web page: its WSGI or ASGI app, mounted under `/api/v1/webview`."""

import importlib
import inspect
import mimetypes
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from racetrack_job_wrapper.endpoint_config import API
from racetrack_job_wrapper.responses import Response, json_response

MOUNT = f"{API}/webview"
AsgiApp = Callable[..., Awaitable[None]]
_PREFIX = re.compile(r"^(/pub/(?:job|fatman)/[^/]+/[^/]+)?/api/v1/webview")


class WebviewError(Exception):
    """The result of `webview_app` can't be served."""


def mount_webview(entrypoint: Any, base_url: str) -> AsgiApp | None:
    """Make an ASGI app of the job's page, which is told its base URL; return None when the job has no page."""
    if not hasattr(entrypoint, "webview_app"):
        return None
    url = f"{base_url}{MOUNT}"
    app = entrypoint.webview_app(url)
    if app is None:
        return None
    arguments = len(inspect.signature(app).parameters)
    if arguments == 3:
        return _with_static_files(_at_its_mount(app))
    if arguments == 2:
        return _with_static_files(_at_base_url(_from_wsgi(app), url))
    raise WebviewError("ASGI app should have 3 arguments: Scope, Receive, Send")


def _at_its_mount(app: AsgiApp) -> AsgiApp:
    async def serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
        found = _PREFIX.match(scope["path"])
        root = found.group() if found else ""
        path = scope["path"] if len(scope["path"]) > len(root) else f"{root}/"
        await app({**scope, "path": path, "root_path": root}, receive, send)

    return serve


def _at_base_url(app: AsgiApp, url: str) -> AsgiApp:
    # WSGI apps declare their routes with the whole base URL, so the app sees that prefix, whichever was called.
    async def serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = _PREFIX.sub("", scope["path"], count=1) or "/"
        whole = f"{url}{path}"
        moved = {**scope, "path": whole, "raw_path": whole.encode(), "root_path": ""}
        await app(moved, receive, send)

    return serve


def _from_wsgi(app: Any) -> AsgiApp:
    # Importing on demand: only jobs with a WSGI page need a2wsgi.
    middleware: AsgiApp = importlib.import_module("a2wsgi").WSGIMiddleware(app)
    return middleware


def _with_static_files(app: AsgiApp) -> AsgiApp:
    directory = Path("static").resolve()
    if not directory.is_dir():
        return app

    async def serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
        name = _PREFIX.sub("", scope["path"], count=1)
        if scope["type"] == "http" and name.startswith("/static/"):
            await _send_file(directory, name.removeprefix("/static/"), send)
        else:
            await app(scope, receive, send)

    return serve


async def _send_file(directory: Path, name: str, send: Any) -> None:
    file = (directory / name).resolve()
    if not file.is_relative_to(directory) or not file.is_file():
        response = json_response({"detail": "Not Found"}, 404)
    else:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        response = Response(file.read_bytes(), content_type=kind)
    headers = [
        (b"content-type", response.content_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
