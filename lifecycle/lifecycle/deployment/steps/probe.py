"""Waiting until a new instance of a job is alive and ready."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from lifecycle.deployment.attempt.failure import DeploymentFailed

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5
_PAUSE_GROWTH = 1.3
_REQUEST_TIMEOUT_SECONDS = 3


@dataclass(frozen=True)
class ProbeLimits:
    """How long a starting job may take."""

    alive_seconds: float
    ready_seconds: float


class JobProbe:
    """Asks the replicas of one instance how they are."""

    def __init__(
        self,
        http: httpx.Client,
        addresses: list[str],
        deployment_timestamp: int,
        check_instance: Callable[[], None],
        pause: Callable[[float], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._http = http
        self._addresses = addresses
        self._deployment_timestamp = deployment_timestamp
        self._check_instance = check_instance
        self._pause = pause
        self._monotonic = monotonic

    def wait_until_alive(self, limit_seconds: float) -> None:
        """Wait until each replica answers at `/live` for this deployment."""
        self._wait(self._is_alive, limit_seconds, "answer at /live")

    def wait_until_ready(self, limit_seconds: float) -> None:
        """Wait until each replica says at `/ready` that it can be called."""
        self._wait(self._is_ready, limit_seconds, "get ready")

    def _wait(self, is_fulfilled: Callable[[str], bool], limit_seconds: float, what: str) -> None:
        deadline = self._monotonic() + limit_seconds
        pause_seconds = _FIRST_PAUSE_SECONDS
        waiting = list(self._addresses)
        while True:
            self._check_instance()
            waiting = [address for address in waiting if not is_fulfilled(address)]
            if not waiting:
                return
            if self._monotonic() > deadline:
                raise DeploymentFailed(
                    f"the job did not {what} within {limit_seconds:g} s",
                    hint="look at its log for what it waits for, or load less in its constructor",
                )
            self._pause(pause_seconds)
            pause_seconds = min(pause_seconds * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)

    def _is_alive(self, address: str) -> bool:
        response = self._get(address, "/live")
        if response is None:
            return False
        _check_found(response)
        if response.status_code != 200:
            raise _init_error(response)
        return self._is_of_this_deployment(response)

    def _is_ready(self, address: str) -> bool:
        response = self._get(address, "/ready")
        if response is None:
            return False
        _check_found(response)
        if response.status_code == 200:
            return True
        live = self._get(address, "/live")
        if live is not None and live.status_code != 200:
            raise _init_error(live)
        return False

    def _get(self, address: str, path: str) -> httpx.Response | None:
        try:
            return self._http.get(f"http://{address}{path}", timeout=_REQUEST_TIMEOUT_SECONDS)
        except httpx.TransportError:
            return None  # Not listening yet, or busy; a dead process is found by check_instance.

    def _is_of_this_deployment(self, response: httpx.Response) -> bool:
        body = _parse_json(response)
        if not isinstance(body, dict):
            raise DeploymentFailed(
                f"the job's /live answered no JSON object but {_shorten(response.text)!r}",
                hint='a job must answer {"live": true} with its deployment_timestamp',
            )
        timestamp = body.get("deployment_timestamp")
        # A job that does not tell its timestamp is told apart by its address, which is the instance's own.
        return timestamp is None or str(timestamp) == str(self._deployment_timestamp)


def _check_found(response: httpx.Response) -> None:
    if response.status_code == 404:
        raise DeploymentFailed(
            f"the job answers 404 at {response.request.url.path}",
            hint="a job must serve /live and /ready; is this the right job type?",
        )


def _init_error(response: httpx.Response) -> DeploymentFailed:
    body = _parse_json(response)
    error = body.get("error") if isinstance(body, dict) else None
    cause = str(error or _shorten(response.text) or f"status {response.status_code}")
    return DeploymentFailed(
        f"Job initialization error: {cause}", hint="the job raised while it was being loaded"
    )


def _parse_json(response: httpx.Response) -> object:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def _shorten(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:300]}…"
