"""Static files: compressed once, kept in memory, and kept by browsers, because their addresses name a version."""

import asyncio
import gzip
import hashlib
import posixpath
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.web.session import BASE_PATH

STATIC = Path(__file__).parents[1] / "static"
_VERSION = "v"
_FOR_EVER = "public, max-age=31536000, immutable"
_COMPRESSIBLE = ("text/", "application/javascript", "application/json", "image/svg", "image/x-icon")
_LIBRARY_FOLDERS = ("static", "libraries", "components", "resources", "esm")
_MOST_BYTES = 3 * 1024**2


@cache
def make_static_path(name: str) -> str:
    """Return the path of a static file of ours, which changes with its content."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"{BASE_PATH}/static/{name}?{_VERSION}={digest}"


@dataclass(frozen=True)
class KeptFile:
    """A file as it is sent."""

    content: bytes
    headers: dict[str, str]

    def to_response(self) -> Response:
        """Return the answer with this file."""
        return Response(self.content, headers=self.headers)


class CompressedFiles:
    """Answers requests for static files from memory; `app` reads each of them once, and answers all else.

    Compressing them for each browser took longer than all other work for its first page.
    """

    def __init__(self, app: ASGIApp, library_version: str) -> None:
        self._app = app
        self._folders = tuple(
            f"/_nicegui/{library_version}/{folder}/" for folder in _LIBRARY_FOLDERS
        )
        self._kept: dict[str, KeptFile] = {}
        self._free_bytes = _MOST_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        file = await self._find(scope, receive) if self._is_lasting(scope) else None
        await (file.to_response() if file else self._app)(scope, receive, send)

    def _is_lasting(self, scope: Scope) -> bool:
        """Return whether a request is for a file with a version in its address, and understands compressed ones."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return False
        path = scope["path"].removeprefix(BASE_PATH)
        is_versioned = path.startswith(self._folders) or (
            path.startswith("/static/")
            and scope["query_string"].startswith(f"{_VERSION}=".encode())
        )
        return is_versioned and "gzip" in Headers(scope=scope).get("accept-encoding", "")

    async def _find(self, scope: Scope, receive: Receive) -> KeptFile | None:
        path = scope["path"]
        # Other spellings of a path (`/static/./a.css`) must not fill the memory.
        if path not in self._kept and posixpath.normpath(path) == path:
            file = await self._read(scope, receive)
            if file and len(file.content) <= self._free_bytes:
                self._free_bytes -= len(file.content)
                self._kept[path] = file
        return self._kept.get(path)

    async def _read(self, scope: Scope, receive: Receive) -> KeptFile | None:
        """Return what the app answers to a plain request, or None if that is no file."""
        answer = Answer()
        await self._app({**scope, "headers": []}, receive, answer.take)
        return await asyncio.to_thread(answer.compress) if answer.status == 200 else None


class Answer:
    """The answer of an app, collected."""

    def __init__(self) -> None:
        self.status = 0
        self._type = ""
        self._content = bytearray()

    async def take(self, message: Message) -> None:
        """Take a message of the answer, as ASGI defines it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._type = Headers(raw=message["headers"]).get("content-type", "")
        else:
            self._content += message.get("body", b"")

    def compress(self) -> KeptFile:
        """Return the content as it is sent: compressed, if that makes it smaller."""
        headers = {
            "Content-Type": self._type,
            "Cache-Control": _FOR_EVER,
            "Vary": "Accept-Encoding",
        }
        content = bytes(self._content)
        if self._type.startswith(_COMPRESSIBLE):
            content = gzip.compress(content, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return KeptFile(content, headers)
