"""The typed client of the Image Builder's API."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable

from racetrack_commons.auth.token import AUTH_HEADER
from racetrack_commons.entities.dto import (
    BuildEventKind,
    BuildPayload,
    BuildResult,
    JobImage,
    PrunePayload,
    PruneResult,
)
from racetrack_commons.entities.server_sent_events import EventReader

_PRUNE_SECONDS = 600.0
"""The time limit of pruning; removing large images takes long."""


class BuildFailed(RuntimeError):
    """The build ended without an image."""


class PruneRefused(RuntimeError):
    """The builder refuses to remove images; the message says why."""


@dataclass(frozen=True)
class BuildEvent:
    """One event of a build's stream."""

    kind: BuildEventKind
    text: str = ""
    result: BuildResult | None = None


class ImageBuilderClient:
    """Requests builds and follows them; blocks the calling thread."""

    def __init__(self, url: str, token: str, timeout_seconds: float = 3600) -> None:
        self.url = url.rstrip("/")
        # Heartbeats arrive every 15 s: after two missing ones the builder is considered gone.
        timeout = httpx.Timeout(timeout_seconds, connect=5, read=40)
        self._http = httpx.Client(
            headers={AUTH_HEADER: token},
            timeout=timeout,
            trust_env=False,
            # Loading certificates takes a while, and inside a platform there are none to verify.
            verify=url.startswith("https:"),
        )

    def is_healthy(self) -> bool:
        """Return whether the builder answers."""
        try:
            return self._http.get(f"{self.url}/health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def build(self, payload: BuildPayload) -> Iterator[BuildEvent]:
        """Start or join a build and yield its events; the last event is its result.

        Raises ServiceUnavailable when the builder does not answer or disappears; the same call then joins the build.
        """
        try:
            with (
                self._telling_silence(),
                self._http.stream(
                    "POST", f"{self.url}/api/v1/build/sse", json=payload.model_dump(mode="json")
                ) as response,
            ):
                if response.status_code >= 400:
                    response.read()
                    raise BuildFailed(f"the Image Builder refused the build: {response.text[:500]}")
                yield from _read_events(response.iter_bytes())
        except RuntimeError as error:
            if not self._http.is_closed:
                raise
            # This process stops while a worker still builds: another process joins the build.
            raise ServiceUnavailable("this process has closed its connections") from error

    def cancel(self, deployment_id: str) -> None:
        """Stop a build that waits or runs.

        Raises EntityNotFound when there is none, ServiceUnavailable when the builder does not answer.
        """
        with self._telling_silence():
            response = self._http.delete(f"{self.url}/api/v1/build/{deployment_id}", timeout=10)
        if response.status_code == 404:
            raise EntityNotFound(f"no build of deployment {deployment_id} waits or runs")
        if response.is_error:
            raise ServiceUnavailable(f"the Image Builder can't cancel: {response.text[:500]}")

    def prune(self, needed: Sequence[JobImage]) -> list[str]:
        """Let the builder remove images that have not been needed for long; return the names of what it removed.

        Raises ServiceUnavailable when the builder does not answer, PruneRefused when it refuses.
        """
        payload = PrunePayload(needed=list(needed)).model_dump(mode="json")
        url = f"{self.url}/api/v1/images/prune"
        with self._telling_silence():
            response = self._http.post(url, json=payload, timeout=_PRUNE_SECONDS)
        if response.is_error:
            raise PruneRefused(f"the Image Builder removes no images: {response.text[:500]}")
        return PruneResult.model_validate_json(response.content).removed

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @contextmanager
    def _telling_silence(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise ServiceUnavailable(
                f"the Image Builder at {self.url} does not answer: {error}"
            ) from error


def _read_events(chunks: Iterator[bytes]) -> Iterator[BuildEvent]:
    reader = EventReader()
    for chunk in chunks:
        for event in reader.feed(chunk):
            if event.kind not in set(BuildEventKind):
                continue
            yield _make_event(BuildEventKind(event.kind), json.loads(event.data))
            if event.kind == BuildEventKind.RESULT:
                return
    raise ServiceUnavailable("the Image Builder ended its stream without a result")


def _make_event(kind: BuildEventKind, data: Any) -> BuildEvent:
    if kind != BuildEventKind.RESULT:
        return BuildEvent(kind, text=str(data))
    if "result" not in data:
        return BuildEvent(kind, result=BuildResult(error=data.get("error") or "the build failed"))
    return BuildEvent(kind, result=BuildResult.model_validate(data["result"]))
