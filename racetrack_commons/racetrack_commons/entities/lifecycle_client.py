"""Typed client of Lifecycle's API, as the gateway uses it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from racetrack_commons.auth.token import AUTH_HEADER
from racetrack_commons.entities.dto import ChangeEvent, JobCallAuthData, JobDto
from racetrack_commons.entities.server_sent_events import EventReader, ServerSentEvent


@dataclass
class LifecycleError(Exception):
    """Lifecycle answered with an error status."""

    status: int
    error: str

    def __str__(self) -> str:
        return self.error


class LifecycleUnreachable(Exception):
    """Lifecycle did not answer."""


class LifecycleClient:
    """Calls Lifecycle with the token of a caller or of the service itself."""

    def __init__(self, url: str, token: str, timeout_seconds: float = 30) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_seconds, connect=5), trust_env=False
        )

    async def can_call_job(
        self, name: str, version: str, path: str, token: str, headers: dict[str, str] | None = None
    ) -> JobCallAuthData:
        """Ask whether a caller may call an endpoint; LifecycleError carries 401, 404, 503."""
        job = f"{quote(name, safe='')}/{quote(version, safe='')}"
        url = f"{self.url}/api/v1/auth/can-call-job/{job}/{quote(path.lstrip('/'), safe='/%')}"
        response = await self._get(url, {**(headers or {}), AUTH_HEADER: token})
        return JobCallAuthData.model_validate_json(response.content)

    async def get_job(self, name: str, version: str) -> JobDto:
        """Return a job, as the service itself may see it; LifecycleError carries 404."""
        url = f"{self.url}/api/v1/job/{quote(name, safe='')}/{quote(version, safe='')}"
        response = await self._get(url, {AUTH_HEADER: self.token})
        return JobDto.model_validate_json(response.content)

    async def changes(self) -> AsyncIterator[ChangeEvent | None]:
        """Follow changes; None means: forget everything, as once the stream is open.

        Ends when Lifecycle ends the stream, raises an httpx.HTTPError when it breaks.
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

    async def _get(self, url: str, headers: dict[str, str]) -> httpx.Response:
        try:
            response = await self._http.get(url, headers=headers)
        except httpx.TransportError as error:
            raise LifecycleUnreachable(
                f"Lifecycle at {self.url} does not answer: {error}"
            ) from error
        if response.status_code >= 400:
            raise LifecycleError(response.status_code, _error_text(response))
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
        # A newer Lifecycle may tell of changes that we do not know: then nothing is certain.
        return None


def _error_text(response: httpx.Response) -> str:
    try:
        content = response.json()
        return str(content.get("error") or content) if isinstance(content, dict) else response.text
    except ValueError:
        return response.text or response.reason_phrase
