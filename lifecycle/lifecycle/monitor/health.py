"""Asking the replicas of a job whether they are alive and ready: one prober for deployments and monitors.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from racetrack_commons.auth.instance_proof import (
    CHALLENGE_HEADER,
    PROOF_HEADER,
    is_proof,
    make_challenge,
)

UNTIL_ALIVE_SECONDS = 900
UNTIL_READY_SECONDS = 600
_OF_GATEWAYS = (502, 504)
"""Statuses by which the gateway of a remote target tells that the job does not answer yet."""
_REQUEST_TIMEOUT_SECONDS = 3
_SHORTEST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5
_SHOWN_CHARACTERS = 300
_PORTS = {"http": 80, "https": 443}


class JobNotHealthy(RuntimeError):
    """A job failed to start, or never became ready; `hint` says what its author can do."""

    def __init__(self, cause: str, hint: str = "") -> None:
        super().__init__(cause)
        self.cause, self.hint = cause, hint


class JobNotReady(JobNotHealthy):
    """A job does not answer, or not yet."""


class JobSilent(JobNotReady):
    """A job does not answer at all."""


class AddressTaken(JobNotHealthy):
    """Another program answers at the address of an instance."""


@dataclass(frozen=True)
class LiveIdentity:
    """The values by which `/live` proves that the expected instance answers; empty ones are not compared."""

    deployment_timestamp: int = 0
    secret: str = field(default="", repr=False)
    """The secret of the instance. Older job types don't know it; their timestamp has to do."""
    demands_timestamp: bool = False
    """True if an answer without a timestamp is refused."""
    settling_seconds: float = 0
    """Seconds after the start of all replicas in which their addresses may lead to another program yet."""


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
    has_started: Callable[[], bool] = lambda: True
    """Called at a bad answer of a doubtful origin; returns whether all replicas run, so that it may be one of theirs."""
    pause: Callable[[float], None] = time.sleep
    """Called with the seconds to wait; may raise to end the wait."""
    monotonic: Callable[[], float] = time.monotonic


class JobProber:
    """Waits, in the calling thread, for the replicas of one instance."""

    def __init__(
        self,
        http: httpx.Client,
        base_urls: list[str],
        identity: LiveIdentity,
        pace: ProbePace,
    ) -> None:
        self._http = http
        self._base_urls = base_urls
        self._identity = identity
        self._pace = pace
        self._last_fault = ""
        self._proven: set[str] = set()
        self._started_at: float | None = None

    def is_proven(self) -> bool:
        """Return whether the replicas have proven to know the secret of the instance; older job types don't.

        Raises AddressTaken when some have and others have not: those are other programs.
        """
        if unproven := sorted(set(self._base_urls) - self._proven) if self._proven else []:
            raise _make_taken(unproven[0])
        return bool(self._proven)

    def wait_until_alive(self, limit_seconds: float) -> None:
        """Wait until each replica answers at `/live` for this deployment.

        Raises AddressTaken when another program answers, JobNotHealthy when a replica never will.
        """
        self._wait(self._is_alive, limit_seconds, "answer at /live")

    def wait_until_ready(self, limit_seconds: float) -> None:
        """Wait until each replica reports at `/ready` that it takes calls; JobNotHealthy when one never will."""
        self._wait(self._is_ready, limit_seconds, "get ready")

    def _wait(self, is_fulfilled: Callable[[str], bool], limit_seconds: float, what: str) -> None:
        began = self._pace.monotonic()
        waiting = list(self._base_urls)
        while True:
            self._pace.check_running()
            waiting = [base_url for base_url in waiting if not is_fulfilled(base_url)]
            if not waiting:
                return
            waited = self._pace.monotonic() - began
            if waited > limit_seconds:
                raise JobNotHealthy(
                    f"the job did not {what} within {limit_seconds:g} s{self._last_fault}",
                    hint="look at its log for what it waits for, or load less in its constructor",
                )
            # A job that starts within a second must not wait for a good part of one to be seen.
            self._pace.pause(min(max(_SHORTEST_PAUSE_SECONDS, waited / 20), _LONGEST_PAUSE_SECONDS))

    def _is_alive(self, base_url: str) -> bool:
        challenge = make_challenge()
        # A connection that was kept would lead to another program for as long as it lasts, wherever new ones lead.
        headers = {CHALLENGE_HEADER: challenge, "Connection": "close"}
        response = self._get(base_url, "/live", headers)
        if response is None:
            return False
        # The identity comes first: the error of another program's job would not be this job's.
        if _is_proven(response, self._identity.secret, challenge):
            self._proven.add(base_url)
        elif base_url in self._proven:
            raise _make_taken(base_url)
        elif self._is_doubtful(response):
            return False
        _check_live(response)
        self._check_tells_timestamp(response)
        return True

    def _is_ready(self, base_url: str) -> bool:
        response = self._get(base_url, "/ready")
        if response is None:
            return False
        _check_found(response)
        if response.status_code == 200:
            return True
        self._is_alive(base_url)  # It raises the error of a job that could not be loaded.
        return False

    def _get(
        self, base_url: str, path: str, headers: dict[str, str] | None = None
    ) -> httpx.Response | None:
        try:
            response = self._http.get(
                f"{base_url}{path}", headers=headers, timeout=_REQUEST_TIMEOUT_SECONDS
            )
        except httpx.TransportError as error:
            # Not listening yet, or busy; a dead process is found by check_running.
            self._last_fault = f": {error}"
            return None
        if response.status_code in _OF_GATEWAYS:
            self._last_fault = f": the gateway before it answers {response.status_code}"
            return None
        self._last_fault = ""
        return response

    def _is_of_this_deployment(self, body: object) -> bool:
        if not isinstance(body, dict):
            return True  # Another check judges such an answer.
        timestamp, expected = body.get("deployment_timestamp"), self._identity.deployment_timestamp
        if timestamp is None:
            # The address distinguishes the instance, unless an instance is replaced in place.
            return not (self._identity.demands_timestamp and "deployment_timestamp" in body)
        return not expected or str(timestamp) == str(expected)

    def _is_doubtful(self, response: httpx.Response) -> bool:
        """Return whether an answer without a proof may be another instance's, or another program's while the address settles."""
        body = _parse_json(response)
        if not self._is_of_this_deployment(body):
            return True
        is_named = isinstance(body, dict) and body.get("deployment_timestamp") is not None
        if is_named or (response.status_code == 200 and isinstance(body, dict)):
            return False
        self._last_fault = f": another program may answer there with {response.status_code}"
        if self._started_at is None and self._pace.has_started():
            self._started_at = self._pace.monotonic()
        if self._started_at is None:
            return True
        return self._pace.monotonic() - self._started_at < self._identity.settling_seconds

    def _check_tells_timestamp(self, response: httpx.Response) -> None:
        if not self._identity.deployment_timestamp:
            return
        body = _parse_json(response)
        if not isinstance(body, dict):
            raise JobNotHealthy(
                f"the job's /live answered no JSON object but {_shorten(response.text)!r}",
                hint='a job must answer {"live": true} with its deployment_timestamp',
            )
        if self._identity.demands_timestamp and "deployment_timestamp" not in body:
            raise JobNotHealthy("the job's /live does not say its deployment_timestamp")


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
        identity = LiveIdentity(deployment_timestamp, demands_timestamp=True)
        prober = JobProber(http, [base_url], identity, pace)
        prober.wait_until_alive(UNTIL_ALIVE_SECONDS)
        if on_job_alive:
            on_job_alive()
        prober.wait_until_ready(UNTIL_READY_SECONDS)


def quick_check_job_condition(
    base_url: str, headers: dict[str, str] | None = None, secret: str = ""
) -> None:
    """Probe `/live` and `/ready` once, in the calling thread.

    Raises AddressTaken when `/live` does not prove that the job knows the `secret`, JobSilent when it does not answer,
    JobNotHealthy when a probe fails otherwise. Without a secret, nothing is to be proven.
    """
    with _open_client(base_url, headers) as http:
        try:
            _check_live(_get_live(http, base_url, secret))
            if http.get(f"{base_url}/ready").status_code != 200:
                raise JobNotReady("the job is not ready")
        except httpx.HTTPError as error:
            raise JobSilent(f"the job does not answer: {error}") from error


def check_answers(base_url: str, secret: str = "") -> None:
    """Probe `/live` once: any answer of the job is enough.

    Raises JobSilent when it does not answer, AddressTaken as `quick_check_job_condition`.
    """
    with _open_client(base_url, None) as http:
        try:
            _get_live(http, base_url, secret)
        except httpx.HTTPError as error:
            raise JobSilent(f"the job does not answer: {error}") from error


def _get_live(http: httpx.Client, base_url: str, secret: str) -> httpx.Response:
    challenge = make_challenge()
    live = http.get(f"{base_url}/live", headers={CHALLENGE_HEADER: challenge})
    if secret and not _is_proven(live, secret, challenge):
        raise _make_taken(base_url)
    return live


def _is_proven(response: httpx.Response, secret: str, challenge: str) -> bool:
    """Return whether an answer proves that the instance knows its secret; raise AddressTaken for the proof of another."""
    proof, url = response.headers.get(PROOF_HEADER), response.request.url
    if not proof or not secret:
        return False
    if not is_proof(proof, secret, challenge, url.port or _PORTS[url.scheme]):
        raise _make_taken(f"{url.scheme}://{url.netloc.decode()}")
    return True


def _make_taken(base_url: str) -> AddressTaken:
    address = base_url.partition("://")[2]
    return AddressTaken(
        f"another program answers at the job's address {address}",
        hint="does another Racetrack use the same ports? Redeploy the job to move it to a free one",
    )


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
        f"Job initialization error: {cause}",
        hint="the job raised this while it was being loaded; `racetrack run-local` tries it on this machine",
    )


def _parse_json(response: httpx.Response) -> object:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
