"""Asking the replicas of a job whether they are alive and ready: one prober for deployments and monitors.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

UNTIL_ALIVE_SECONDS = 900
UNTIL_READY_SECONDS = 600
_REQUEST_TIMEOUT_SECONDS = 3
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5
_PAUSE_GROWTH = 1.3
_SHOWN_CHARACTERS = 300


class JobNotHealthy(RuntimeError):
    """A job failed to start, or never became ready; `hint` says what its author can do."""

    def __init__(self, cause: str, hint: str = "") -> None:
        super().__init__(cause)
        self.cause, self.hint = cause, hint


@dataclass(frozen=True)
class ProbeLimits:
    """The time that a starting job may take."""

    alive_seconds: float = UNTIL_ALIVE_SECONDS
    ready_seconds: float = UNTIL_READY_SECONDS


@dataclass(frozen=True)
class ProbePace:
    """The functions that a waiting prober calls before and between its rounds."""

    check_running: Callable[[], None] = lambda: None
    """Called before each round; raises when a replica has ended, which ends the wait."""
    pause: Callable[[float], None] = time.sleep
    """Called with the seconds to wait; may raise to end the wait."""
    monotonic: Callable[[], float] = time.monotonic


class JobProber:
    """Waits, in the calling thread, for the replicas of one instance."""

    def __init__(
        self,
        http: httpx.Client,
        base_urls: list[str],
        deployment_timestamp: int,
        pace: ProbePace,
        demands_timestamp: bool = False,
    ) -> None:
        self._http = http
        self._base_urls = base_urls
        self._deployment_timestamp = deployment_timestamp
        self._pace = pace
        self._demands_timestamp = demands_timestamp
        self._last_fault = ""

    def wait_until_alive(self, limit_seconds: float) -> None:
        """Wait until each replica answers at `/live` for this deployment; JobNotHealthy when one never will."""
        self._wait(self._is_alive, limit_seconds, "answer at /live")

    def wait_until_ready(self, limit_seconds: float) -> None:
        """Wait until each replica reports at `/ready` that it takes calls; JobNotHealthy when one never will."""
        self._wait(self._is_ready, limit_seconds, "get ready")

    def _wait(self, is_fulfilled: Callable[[str], bool], limit_seconds: float, what: str) -> None:
        deadline = self._pace.monotonic() + limit_seconds
        pause_seconds = _FIRST_PAUSE_SECONDS
        waiting = list(self._base_urls)
        while True:
            self._pace.check_running()
            waiting = [base_url for base_url in waiting if not is_fulfilled(base_url)]
            if not waiting:
                return
            if self._pace.monotonic() > deadline:
                raise JobNotHealthy(
                    f"the job did not {what} within {limit_seconds:g} s{self._last_fault}",
                    hint="look at its log for what it waits for, or load less in its constructor",
                )
            self._pace.pause(pause_seconds)
            pause_seconds = min(pause_seconds * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)

    def _is_alive(self, base_url: str) -> bool:
        response = self._get(base_url, "/live")
        if response is None:
            return False
        _check_live(response)
        return not self._deployment_timestamp or self._is_of_this_deployment(response)

    def _is_ready(self, base_url: str) -> bool:
        response = self._get(base_url, "/ready")
        if response is None:
            return False
        _check_found(response)
        if response.status_code == 200:
            return True
        live = self._get(base_url, "/live")
        if live is not None and live.status_code != 200:
            raise _make_init_error(live)
        return False

    def _get(self, base_url: str, path: str) -> httpx.Response | None:
        try:
            response = self._http.get(f"{base_url}{path}", timeout=_REQUEST_TIMEOUT_SECONDS)
        except httpx.TransportError as error:
            # Not listening yet, or busy; a dead process is found by check_running.
            self._last_fault = f": {error}"
            return None
        self._last_fault = ""
        return response

    def _is_of_this_deployment(self, response: httpx.Response) -> bool:
        body = _parse_json(response)
        if not isinstance(body, dict):
            raise JobNotHealthy(
                f"the job's /live answered no JSON object but {_shorten(response.text)!r}",
                hint='a job must answer {"live": true} with its deployment_timestamp',
            )
        if self._demands_timestamp and "deployment_timestamp" not in body:
            raise JobNotHealthy("the job's /live does not say its deployment_timestamp")
        timestamp = body.get("deployment_timestamp")
        if timestamp is None:
            # The address distinguishes the instance: it belongs to it alone.
            return not self._demands_timestamp
        return str(timestamp) == str(self._deployment_timestamp)


def check_until_job_is_operational(
    base_url: str,
    deployment_timestamp: int = 0,
    on_job_alive: Callable[[], None] | None = None,
    headers: dict[str, str] | None = None,
    check_crash: Callable[[], None] = lambda: None,
) -> None:
    """Wait, in the calling thread, for `/live` with that timestamp, then for `/ready`.

    `on_job_alive` is called in between, `check_crash` between two probes; both may raise to end the
    wait. Raises JobNotHealthy when the job reports an error, or takes longer than the limits.
    """

    def pause(seconds: float) -> None:
        check_crash()
        time.sleep(seconds)

    with _open_client(base_url, headers) as http:
        pace = ProbePace(pause=pause)
        prober = JobProber(http, [base_url], deployment_timestamp, pace, demands_timestamp=True)
        prober.wait_until_alive(UNTIL_ALIVE_SECONDS)
        if on_job_alive:
            on_job_alive()
        prober.wait_until_ready(UNTIL_READY_SECONDS)


def quick_check_job_condition(base_url: str, headers: dict[str, str] | None = None) -> None:
    """Probe `/live` and `/ready` once, in the calling thread; raise JobNotHealthy when one fails."""
    with _open_client(base_url, headers) as http:
        try:
            _check_live(http.get(f"{base_url}/live"))
            if http.get(f"{base_url}/ready").status_code != 200:
                raise JobNotHealthy("the job is not ready")
        except httpx.HTTPError as error:
            raise JobNotHealthy(f"the job does not answer: {error}") from error


def _open_client(base_url: str, headers: dict[str, str] | None) -> httpx.Client:
    return httpx.Client(
        timeout=_REQUEST_TIMEOUT_SECONDS,
        headers=headers,
        trust_env=False,
        # Loading certificates takes a while, and most jobs have none to verify.
        verify=base_url.startswith("https:"),
    )


def _check_live(response: httpx.Response) -> None:
    _check_found(response)
    if response.status_code != 200:
        raise _make_init_error(response)


def _check_found(response: httpx.Response) -> None:
    if response.status_code == 404:
        raise JobNotHealthy(
            f"the job answers 404 at {response.request.url.path}",
            hint="a job must serve /live and /ready; is this the right job type?",
        )


def _make_init_error(response: httpx.Response) -> JobNotHealthy:
    body = _parse_json(response)
    error = body.get("error") if isinstance(body, dict) else None
    cause = str(error or _shorten(response.text) or f"status {response.status_code}")
    return JobNotHealthy(
        f"Job initialization error: {cause}", hint="the job raised while it was being loaded"
    )


def _parse_json(response: httpx.Response) -> object:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
