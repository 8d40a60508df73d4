"""The typed client of Lifecycle's API that PUB uses: permissions, jobs, and changes.

Each method raises LifecycleError when Lifecycle refuses, LifecycleUnreachable when it does not answer.
"""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from racetrack_commons.auth.instance_proof import SERVICE_HEADER
from racetrack_commons.auth.token import AUTH_HEADER
from racetrack_commons.entities.dto import ChangeEvent, JobCallAuthData
from racetrack_commons.entities.server_sent_events import EventReader, ServerSentEvent
from racetrack_commons.entities.sessions import EndedJobSession, JobSession

_ESCAPED_SLASH = re.compile("%2F", re.IGNORECASE)


@dataclass
class LifecycleError(Exception):
    """Lifecycle answered with an error status."""

    status: int
    error: str
    type: str | None = None
    """The class of Lifecycle's error; None when another server has answered."""

    def __str__(self) -> str:
        return self.error


class LifecycleUnreachable(Exception):
    """Lifecycle did not answer."""


class LifecycleClient:
    """Calls Lifecycle with the token of a caller or of the service itself, from the event loop."""

    def __init__(self, url: str, token: str, timeout_seconds: float = 30) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_seconds, connect=5),
            trust_env=False,
            # Loading certificates takes a while, and inside a platform there are none to verify.
            verify=url.startswith("https:"),
        )

    async def authorize_call(
        self, name: str, version: str, path: str, token: str, headers: dict[str, str] | None = None
    ) -> JobCallAuthData:
        """Return the job if the caller may call its endpoint; otherwise LifecycleError carries 401, 404 or 503.

        `path` is escaped as the caller sent it. The returned job has no manifest.
        """
        job = f"{quote(name, safe='')}/{quote(version, safe='')}"
        url = f"{self.url}/api/v1/auth/can-call-job/{job}/{_escape_path(path)}"
        response = await self._send(
            "GET", url, {**(headers or {}), AUTH_HEADER: token, SERVICE_HEADER: self.token}
        )
        try:
            return _read_permission(response.content)
        except ValueError as error:
            raise LifecycleUnreachable(
                f"what answers at {self.url} is not Lifecycle: {error}"
            ) from error

    async def open_job_session(
        self, username: str, password: str, forwarded_for: str
    ) -> JobSession:
        """Return a session of the user with this password, which calls jobs only; LifecycleError carries 401 or 429."""
        # The token of the service makes Lifecycle count failures for the address of the browser, not of the gateway.
        headers = {
            AUTH_HEADER: self.token,
            "Content-Type": "application/json",
            "X-Forwarded-For": forwarded_for,
        }
        content = json.dumps({"username": username, "password": password}).encode()
        url = f"{self.url}/api/v1/users/job_session"
        response = await self._send("POST", url, headers, content)
        return JobSession.model_validate_json(response.content)

    async def end_job_session(self, session: str) -> None:
        """End a session; one that has ended already is no fault."""
        await self.request("DELETE", "users/job_session", EndedJobSession(session=session))

    async def request(self, method: str, path: str, body: BaseModel | None = None) -> bytes:
        """Send a request to a path of the API with the service's token; return the body of the answer."""
        headers = {AUTH_HEADER: self.token, "Content-Type": "application/json"}
        content = None if body is None else body.model_dump_json().encode()
        response = await self._send(method, f"{self.url}/api/v1/{path}", headers, content)
        return response.content

    async def changes(self) -> AsyncIterator[ChangeEvent | None]:
        """Yield changes; None means that anything may have changed, as when the stream has just opened.

        Ends when Lifecycle ends the stream; raises an httpx.HTTPError when the stream breaks.
        """
        timeout = httpx.Timeout(None, connect=5, read=40)
        headers = {AUTH_HEADER: self.token}
        url = f"{self.url}/api/v1/events"
        reader = EventReader()
        async with self._http.stream("GET", url, headers=headers, timeout=timeout) as response:
            response.raise_for_status()
            async for chunk in response.aiter_bytes():
                for event in reader.feed(chunk):
                    if event.data:
                        yield _read_change(event)

    async def _send(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None = None
    ) -> httpx.Response:
        try:
            response = await self._http.request(method, url, headers=headers, content=content)
        except httpx.InvalidURL as error:
            raise LifecycleError(400, f"the path can't be asked about: {error}") from error
        except httpx.RequestError as error:
            raise LifecycleUnreachable(
                f"Lifecycle at {self.url} does not answer: {error}"
            ) from error
        if response.status_code >= 400:
            raise _read_error(response)
        return response

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _read_change(event: ServerSentEvent) -> ChangeEvent | None:
    if event.kind != "change":
        return None
    try:
        return ChangeEvent.model_validate_json(event.data)
    except ValueError:
        # A newer Lifecycle may report an unknown kind of change: then anything may have changed.
        return None


def _escape_path(path: str) -> str:
    """Escape a job's path, so that no HTTP library resolves its `.` and `..` within Lifecycle's own paths.

    Escaped slashes stay escaped: to some servers `/a%2Fb` is one segment, which a permission for `/a/b` must not cover.
    """
    kept = _ESCAPED_SLASH.sub("%252F", path.removeprefix("/"))
    segments = quote(kept, safe="/%").split("/")
    return "/".join(
        segment.replace(".", "%2E") if segment in (".", "..") else segment for segment in segments
    )


def _read_permission(content: bytes) -> JobCallAuthData:
    """Return the permission without the job's manifest, which calls do not need and which takes longest to parse."""
    answer = json.loads(content)
    if isinstance(answer, dict) and isinstance(answer.get("job"), dict):
        answer["job"].pop("manifest", None)
    return JobCallAuthData.model_validate(answer)


def _read_error(response: httpx.Response) -> LifecycleError:
    try:
        content = response.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        return LifecycleError(response.status_code, response.text or response.reason_phrase)
    kind = str(content.get("type", "")) if "error" in content else None
    return LifecycleError(response.status_code, str(content.get("error") or content), kind)
