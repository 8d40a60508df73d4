"""Asking a job whether it lives and is ready."""

import time
from collections.abc import Callable
from typing import Any

import httpx

PROBE_TIMEOUT_SECONDS = 3
UNTIL_ALIVE_SECONDS = 900
UNTIL_READY_SECONDS = 600


class JobNotHealthy(RuntimeError):
    """A job does not live, or never gets ready; the message is its own error, if it said one."""


class _NotYet(Exception):
    """The job may still come up."""


def check_until_job_is_operational(
    base_url: str,
    deployment_timestamp: int = 0,
    on_job_alive: Callable[[], None] | None = None,
    headers: dict[str, str] | None = None,
    check_crash: Callable[[], None] = lambda: None,
) -> None:
    """Wait for `/live` with the right timestamp, then for `/ready`; JobNotHealthy when the job says that it failed.

    `check_crash` is called between probes and may raise to end the waiting.
    """
    with _open_client(base_url, headers) as http:
        _wait(
            lambda: _probe_live(http, base_url, deployment_timestamp),
            UNTIL_ALIVE_SECONDS,
            check_crash,
        )
        if on_job_alive:
            on_job_alive()

        def probe_ready() -> None:
            _probe_ready(http, base_url)

        _wait(probe_ready, UNTIL_READY_SECONDS, check_crash)


def quick_check_job_condition(base_url: str, headers: dict[str, str] | None = None) -> None:
    """Probe `/live` and `/ready` once; JobNotHealthy says what is wrong."""
    with _open_client(base_url, headers) as http:
        try:
            _probe_live(http, base_url, 0)
            if http.get(f"{base_url}/ready").status_code != 200:
                raise JobNotHealthy("the job is not ready")
        except (_NotYet, httpx.HTTPError) as error:
            raise JobNotHealthy(f"the job does not answer: {error}") from error


def _open_client(base_url: str, headers: dict[str, str] | None) -> httpx.Client:
    return httpx.Client(
        timeout=PROBE_TIMEOUT_SECONDS,
        headers=headers,
        trust_env=False,
        # Certificates take a while to load; most jobs have none to be verified.
        verify=base_url.startswith("https:"),
    )


def _wait(probe: Callable[[], None], limit_seconds: float, check_crash: Callable[[], None]) -> None:
    deadline, pause = time.monotonic() + limit_seconds, 0.01
    while True:
        try:
            probe()
            return
        except (_NotYet, httpx.TransportError) as error:
            check_crash()
            if time.monotonic() > deadline:
                raise JobNotHealthy(
                    f"the job did not come up within {limit_seconds:.0f} s: {error}"
                ) from error
        time.sleep(pause)
        pause = min(pause * 1.3, 0.5)


def _probe_live(http: httpx.Client, base_url: str, deployment_timestamp: int) -> None:
    response = http.get(f"{base_url}/live")
    content = _json_object(response)
    if response.status_code == 404:
        raise JobNotHealthy("the job has no /live; a job's server must offer it")
    if deployment_timestamp and response.status_code == 200:
        if "deployment_timestamp" not in content:
            raise JobNotHealthy("the job's /live does not say its deployment_timestamp")
        if int(content["deployment_timestamp"] or 0) != deployment_timestamp:
            raise _NotYet("another instance answers")
    if response.status_code != 200:
        cause = content.get("error") or f"status {response.status_code}"
        raise JobNotHealthy(f"Job initialization error: {cause}")


def _probe_ready(http: httpx.Client, base_url: str) -> None:
    response = http.get(f"{base_url}/ready")
    if response.status_code == 404:
        raise JobNotHealthy("the job has no /ready; a job's server must offer it")
    if response.status_code != 200:
        _probe_live(http, base_url, 0)
        raise _NotYet("the job is not ready")


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
