"""Calls of jobs: what is sent, and async calls that outlive a broken connection."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

from racetrack_client.client.session import Session, job_path
from racetrack_client.utils.request import (
    RequestError,
    Response,
    ResponseError,
    parse_response_object,
)

STATUS_HEADER = "X-Racetrack-Task-Status"
IDEMPOTENCY_HEADER = "Idempotency-Key"
MOST_SILENT_SECONDS = 60
MOST_START_SECONDS = 10
_POLL_SECONDS = 60
_PAUSE_SECONDS = 1.0
_OUTAGE = 503
_CALL_AGAIN = (202, 408, 504)
ERROR_CONTEXT = "Job response error"


class Method(StrEnum):
    """The HTTP method of a call."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


@dataclass(frozen=True)
class JobEndpoint:
    """An endpoint of a job; the gateway resolves the version."""

    name: str
    version: str
    path: str

    def make_url(self, gateway: str) -> str:
        """Return the URL of a call through a gateway."""
        return f"{gateway}/{job_path(self.name, self.version)}/{self.path.lstrip('/')}"


@dataclass(frozen=True)
class JobCall:
    """A call of an endpoint; when there is no body, the parameters are in the URL."""

    method: Method
    url: str
    body: dict[str, Any] | None

    @classmethod
    def make(cls, method: Method, url: str, parameters: dict[str, Any]) -> "JobCall":
        """Make a call whose parameters are in the URL for GET and DELETE, and in the body for other methods."""
        if method not in (Method.GET, Method.DELETE):
            return cls(method, url, parameters)
        query = urlencode(list(_list_query(parameters)))
        separator = "&" if "?" in url else "?"
        return cls(method, f"{url}{separator}{query}" if query else url, None)

    def send(self, session: Session, headers: Mapping[str, str] | None = None) -> Response:
        """Send the call and wait for the answer, however long it takes."""
        return session.request(
            self.method.value, self.url, self.body, headers=headers, timeout_seconds=None
        )


class AsyncCall:
    """A call that goes on at the gateway, whatever happens to the caller's connection."""

    def __init__(self, session: Session, task_id: str) -> None:
        self._session = session
        self.task_id = task_id
        self.poll_url = f"{session.pub_url}/async/task/{quote(task_id, safe='')}/poll"

    @classmethod
    def start(
        cls, session: Session, call: JobCall, monotonic: Callable[[], float] = time.monotonic
    ) -> "AsyncCall":
        """Start a call, whose URL is that of `/async/new`; raises ResponseError when it is refused.

        During an outage, the start is repeated for a while: its key makes all of them one call.
        """
        key = {IDEMPOTENCY_HEADER: os.urandom(16).hex()}
        give_up_at = monotonic() + MOST_START_SECONDS
        while True:
            try:
                answer = call.send(session, key)
                if answer.status_code != _OUTAGE or monotonic() > give_up_at:
                    started = parse_response_object(answer, ERROR_CONTEXT)
                    return cls(session, str(started["task_id"]))
            except RequestError:
                if monotonic() > give_up_at:
                    raise
            time.sleep(_PAUSE_SECONDS)

    def wait(self, monotonic: Callable[[], float] = time.monotonic) -> Response:
        """Poll until the call has ended, and return the job's answer; raises the error of an outage that lasts."""
        heard = monotonic()
        while True:
            try:
                answer = self._session.request("GET", self.poll_url, timeout_seconds=_POLL_SECONDS)
                if _is_final(answer):
                    return answer
                heard = heard if answer.status_code == 504 else monotonic()
                error: Exception = _make_outage(answer)
            except RequestError as outage:
                error = outage
            if monotonic() - heard > MOST_SILENT_SECONDS:
                raise error
            time.sleep(_PAUSE_SECONDS)


def _is_final(answer: Response) -> bool:
    status = answer.headers.get(STATUS_HEADER)
    if status is not None:  # Gateways before 3.0 don't tell.
        return str(status).lower() in ("completed", "failed")
    return answer.status_code not in _CALL_AGAIN


def _make_outage(answer: Response) -> ResponseError:
    return ResponseError(f"{answer.method} {answer.url} gave no answer yet", answer.status_code)


def _list_query(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, each if isinstance(each, str) else json.dumps(each)
