"""The job's own web page: its WSGI or ASGI app, mounted under `/api/v1/webview`.

An ASGI app runs on the job's loop, a WSGI app in threads of its own, with the whole body at hand.
"""

import importlib
import inspect
import io
import mimetypes
import re
import tempfile
from pathlib import Path
from typing import IO, Any

from racetrack_job_wrapper.asgi import AsgiApp, Receive, Scope, Send, send_response
from racetrack_job_wrapper.endpoint_config import API
from racetrack_job_wrapper.job_loop import JobLoop
from racetrack_job_wrapper.responses import Response, json_response

MOUNT = f"{API}/webview"
BODY_KEY = "racetrack.body"
MAX_BODY_IN_MEMORY = 1024 * 1024
_PREFIX = re.compile(r"^(/pub/(?:job|fatman)/[^/]+/[^/]+)?/api/v1/webview")


class WebviewError(Exception):
    """The result of `webview_app` can't be served."""


def mount_webview(entrypoint: Any, base_url: str, loop: JobLoop) -> AsgiApp | None:
    """Make an ASGI app of the job's page, which is told its base URL; return None when the job has no page."""
    if not hasattr(entrypoint, "webview_app"):
        return None
    url = f"{base_url}{MOUNT}"
    app = entrypoint.webview_app(url)
    if app is None:
        return None
    arguments = len(inspect.signature(app).parameters)
    if arguments == 3:
        return _with_static_files(_at_its_mount(app, loop))
    if arguments == 2:
        return _with_static_files(_at_base_url(_from_wsgi(app), url))
    raise WebviewError("ASGI app should have 3 arguments: Scope, Receive, Send")


def _at_its_mount(app: AsgiApp, loop: JobLoop) -> AsgiApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        found = _PREFIX.match(scope["path"])
        root = found.group() if found else ""
        path = scope["path"] if len(scope["path"]) > len(root) else f"{root}/"
        await loop.serve(app, {**scope, "path": path, "root_path": root}, receive, send)

    return serve


def _at_base_url(app: AsgiApp, url: str) -> AsgiApp:
    # WSGI apps declare their routes with the whole base URL, so the app sees that prefix, whichever was called.
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        path = _PREFIX.sub("", scope["path"], count=1) or "/"
        whole = f"{url}{path}"
        moved = {**scope, "path": whole, "raw_path": whole.encode(), "root_path": ""}
        await app(moved, receive, send)

    return serve


def _from_wsgi(app: Any) -> AsgiApp:
    def call_with_body(environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["asgi.scope"][BODY_KEY]
        # WSGI knows the end of a body by its length only, which a chunked one does not tell.
        environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(body.seek(0, io.SEEK_END))}
        environ["wsgi.input_terminated"] = True
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        body.seek(0)
        return app(environ, start_response)

    # Importing on demand: only jobs with a WSGI page need a2wsgi.
    middleware: AsgiApp = importlib.import_module("a2wsgi").WSGIMiddleware(call_with_body)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await middleware(scope, receive, send)
            return
        body = await _receive_body(receive)
        if body is not None:
            with body:
                await middleware({**scope, BODY_KEY: body}, receive, send)

    return serve


async def _receive_body(receive: Receive) -> IO[bytes] | None:
    """Return a file with the whole body; None when the caller leaves before its end."""
    body: IO[bytes] = io.BytesIO()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            body.close()
            return None
        body.write(message.get("body", b""))
        if not message.get("more_body"):
            return body
        if isinstance(body, io.BytesIO) and body.tell() > MAX_BODY_IN_MEMORY:
            body = _move_to_disk(body)


def _move_to_disk(body: io.BytesIO) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the request
    file.write(body.getbuffer())
    return file


def _with_static_files(app: AsgiApp) -> AsgiApp:
    directory = Path("static").resolve()
    if not directory.is_dir():
        return app

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
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
    await send_response(response, send)
