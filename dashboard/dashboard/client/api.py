"""Lifecycle's API, called with the session of a visitor: Lifecycle alone decides what the visitor sees."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from racetrack_commons.auth.token import AUTH_HEADER

Params = Mapping[str, str | int | float | bool | list[str] | None]
"""The query of a request; parameters that are None or empty are left out."""
_LOGGED_OUT = "InvalidToken"
_TOTAL_HEADER = "X-Total-Count"


@dataclass
class ApiError(Exception):
    """Lifecycle refused a request; the text is meant for people."""

    status: int
    error: str
    type: str = ""

    def __str__(self) -> str:
        return self.error


class LoggedOut(ApiError):
    """The session has ended: the visitor has to log in again."""


@dataclass
class LifecycleAway(Exception):
    """Lifecycle did not answer."""

    reason: str = ""

    def __str__(self) -> str:
        return "Lifecycle does not answer now. Nothing was changed; try again in a moment."


@dataclass(frozen=True)
class ListPage:
    """A part of a list."""

    items: list[dict[str, Any]]
    total: int
    """The number of items on all pages."""
    tag: str = ""
    """A text that changes with the page; see `LifecycleApi.find_page`."""


@dataclass(frozen=True)
class LifecycleApi:
    """Requests to Lifecycle; a method raises ApiError if Lifecycle refuses, LifecycleAway if it does not answer."""

    http: httpx.AsyncClient
    url: str
    session: str = field(default="", repr=False)

    def with_session(self, session: str) -> "LifecycleApi":
        """Return the same API with the session of a visitor."""
        return LifecycleApi(self.http, self.url, session)

    async def get(self, path: str, params: Params | None = None) -> Any:
        """Return the JSON at a path below `/api/v1/`."""
        return (await self.send("GET", path, params=params)).json()

    async def get_text(self, path: str, params: Params | None = None) -> str:
        """Return the text at a path below `/api/v1/`."""
        return (await self.send("GET", path, params=params)).text

    async def find_page(
        self, path: str, params: Params | None = None, known_tag: str = ""
    ) -> ListPage | None:
        """Return a page of a list, or None if the page with the known tag has not changed since."""
        headers = {"If-None-Match": known_tag} if known_tag else {}
        response = await self.send("GET", path, params=params, headers=headers)
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return None
        items = response.json()
        total = int(response.headers.get(_TOTAL_HEADER, len(items)))
        return ListPage(items, total, response.headers.get("ETag", ""))

    async def post(self, path: str, payload: Any = None, params: Params | None = None) -> Any:
        """Send JSON to a path; return the JSON of the answer, or None without one."""
        return _read_json(await self.send("POST", path, params=params, json=payload))

    async def put(self, path: str, payload: Any = None) -> Any:
        """Replace what is at a path; return the JSON of the answer, or None without one."""
        return _read_json(await self.send("PUT", path, json=payload))

    async def delete(self, path: str, payload: Any = None) -> Any:
        """Delete what is at a path; return the JSON of the answer, or None without one."""
        return _read_json(await self.send("DELETE", path, json=payload))

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> httpx.Response:
        """Send a request with any content that httpx knows; return the answer, which is no error."""
        request = self._build(method, path, params, headers, content)
        try:
            response = await self.http.send(request)
        except httpx.RequestError as error:
            raise LifecycleAway(str(error)) from error
        return _require_success(response)

    @asynccontextmanager
    async def stream(
        self, path: str, params: Params | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Open an answer that is read bit by bit; it may stay silent for any time."""
        request = self._build("GET", path, params, None, {})
        request.extensions["timeout"] = httpx.Timeout(None, connect=5).as_dict()
        try:
            response = await self.http.send(request, stream=True)
            try:
                if response.is_error:
                    await response.aread()
                yield _require_success(response)
            finally:
                await response.aclose()
        except httpx.RequestError as error:
            raise LifecycleAway(str(error)) from error

    def _build(
        self,
        method: str,
        path: str,
        params: Params | None,
        headers: Mapping[str, str] | None,
        content: Mapping[str, Any],
    ) -> httpx.Request:
        given = {AUTH_HEADER: self.session} if self.session else {}
        body = {key: value for key, value in content.items() if value is not None}
        return self.http.build_request(
            method,
            f"{self.url}/api/v1/{path}",
            params=_keep_given(params or {}),
            headers={**given, **(headers or {})},
            **body,
        )


def _keep_given(params: Params) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value not in (None, "", [])}


def _require_success(response: httpx.Response) -> httpx.Response:
    if not response.is_error:
        return response
    try:
        body = response.json()
    except ValueError:
        body = {}
    fields = body if isinstance(body, dict) else {}
    text = str(fields.get("error") or f"Lifecycle answered with status {response.status_code}")
    kind = str(fields.get("type") or "")
    is_logged_out = response.status_code == httpx.codes.UNAUTHORIZED and kind == _LOGGED_OUT
    raise (LoggedOut if is_logged_out else ApiError)(response.status_code, text, kind)


def _read_json(response: httpx.Response) -> Any:
    return response.json() if response.content else None
