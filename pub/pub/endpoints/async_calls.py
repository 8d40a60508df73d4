"""Routes of async calls: starting, status and answer.

Knowing an id is enough to read the answer, because ids are random and older clients poll without a token. With
`ASYNC_OPEN_POLL=false`, the answer is for the caller who started the call.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from racetrack_commons.api.guard_first import LARGE_BODY_BYTES
from racetrack_commons.entities.async_calls import LONGEST_IDEMPOTENCY_KEY, AsyncCallStatus
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable
from starlette.responses import Response
from starlette.types import Scope

from pub.async_calls.idempotency import IDEMPOTENCY_HEADER
from pub.async_calls.poll import AsyncCallPoller
from pub.async_calls.start import AsyncCallStarter
from pub.async_calls.visits import AsyncCallVisits, check_id
from pub.config import PubConfig
from pub.endpoints.async_call_responses import (
    POLL_RESPONSES,
    TaskState,
    answer_error,
    answer_ongoing,
    answer_poll,
    answer_read_error,
    answer_status,
)
from pub.metrics import PubMetrics
from pub.proxy.call import Call, read_call
from pub.proxy.cookies import read_token
from pub.proxy.errors import CallFailed, explain, overloaded

_NEW = "/async/new"
_OF_JOB = ("job_name", "job_version")
_NEW_PATHS = {
    f"{_NEW}/job/{{job_name}}/{{job_version}}": _OF_JOB,
    f"{_NEW}/job/{{job_name}}/{{job_version}}/{{path:path}}": (*_OF_JOB, "path"),
}
_KEY = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "description": "A text that is new for each call, such as a UUID: a start that is repeated with it starts no second call.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_IDEMPOTENCY_KEY},
}
_START_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {"description": "The key was used for another request"},
    502: {"description": "The job can't be reached from here"},
}
_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
_OTHER_VERBS = (
    *("CONNECT", "COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "SEARCH", "UNLOCK"),
    *("BIND", "REBIND", "UNBIND", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE"),
    *("MKCALENDAR", "LINK", "UNLINK", "PURGE", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE"),
)


class AsyncCallRoutes:
    """The routes that start async calls, show their status, and return their answers."""

    def __init__(
        self,
        starter: AsyncCallStarter,
        poller: AsyncCallPoller,
        visits: AsyncCallVisits,
        config: PubConfig,
        metrics: PubMetrics,
    ) -> None:
        self._starter = starter
        self._poller = poller
        self._visits = visits
        self._config = config
        self._metrics = metrics
        self._at_once = 0

    def router(self) -> APIRouter:
        """Return a router with all routes."""
        router = APIRouter(tags=["async calls"])
        for path, parameters in _NEW_PATHS.items():
            self._add_start(router, path, parameters)
        router.add_api_route(
            "/async/task/{task_id}/status", self.show_status, response_model=TaskState
        )
        router.add_api_route(
            "/async/task/{task_id}/poll", self.poll, responses=POLL_RESPONSES, response_model=None
        )
        return router

    def _add_start(self, router: APIRouter, path: str, parameters: Sequence[str]) -> None:
        for method in _VERBS:
            router.add_api_route(
                path,
                self.start,
                methods=[method],
                status_code=201,
                max_body_size=LARGE_BODY_BYTES,  # The setting for async calls limits it.
                response_model=TaskState,
                operation_id=f"start_call_{method.lower()}_{parameters[-1]}",
                responses=_START_RESPONSES,
                openapi_extra={"parameters": [*map(_describe, parameters), _KEY]},
            )
        others = list(_OTHER_VERBS)
        router.add_api_route(
            path,
            self.start,
            methods=others,
            include_in_schema=False,
            max_body_size=LARGE_BODY_BYTES,
        )

    async def start(self, request: Request) -> Response:
        """Accept a call of a job; its answer is fetched later, by its id."""
        call = read_call(_without_new(request.scope), request.receive, _never_send, self._config)
        if call is None:
            return answer_error(404, "Async Job Call request error: this is no path of a job")
        self._at_once += 1
        try:
            if self._at_once > self._config.max_concurrent_calls:
                raise overloaded()
            call_id = await self._starter.start(call)
        except CallFailed as failure:
            return self._refuse(call, explain(failure, call), request)
        finally:
            self._at_once -= 1
        headers = {call.tracing_header: call.tracing_id}
        # Also for a call that has ended since an earlier start with the same key: the answer is that of then.
        return answer_status(call_id, AsyncCallStatus.ONGOING, 201, headers)

    async def show_status(self, task_id: str, request: Request) -> Response:
        """Return the status of a call at once."""
        try:
            await self._admit(task_id, request)
            return answer_status(task_id, await self._poller.get_status(task_id))
        except LifecycleError as error:
            return answer_read_error(error, "check async task in task storage")
        except LifecycleUnreachable:
            text = "Failed to check async task in task storage: Lifecycle does not answer"
            return answer_error(503, text, {"Retry-After": "2"})

    async def poll(self, task_id: str, request: Request) -> Response:
        """Return the job's own answer, waiting for it up to half a minute; 202 when it takes longer."""
        self._at_once += 1
        try:
            await self._admit(task_id, request)
            if self._at_once > self._config.max_concurrent_calls:
                return answer_ongoing(task_id, retry_after=5)
            call = await self._poller.wait(task_id)
        except LifecycleError as error:
            return answer_read_error(error, "look up the async task in Lifecycle")
        except LifecycleUnreachable:
            text = "Failed to look up the async task in Lifecycle: it does not answer, poll again"
            return answer_error(504, text, {"Retry-After": "2"})
        finally:
            self._at_once -= 1
        return answer_poll(call) if call else answer_ongoing(task_id, retry_after=0)

    async def _admit(self, task_id: str, request: Request) -> None:
        check_id(task_id)
        if not self._config.async_open_poll:
            await self._visits.check(task_id, read_token(request.scope))

    def _refuse(self, call: Call, failure: CallFailed, request: Request) -> Response:
        if failure.status != 404:
            self._metrics.count("pub_job_proxy_request_errors")
        error = failure.error.removeprefix("Proxy request error: ")
        details = failure.details | {"path": request.url.path}
        shown = CallFailed(
            failure.status, f"Async Job Call request error: {error}", details, failure.retry_after
        )
        headers, body = shown.render(call)
        response = Response(body, status_code=shown.status)
        response.raw_headers = headers
        if shown.status == 413:
            response.raw_headers.append((b"connection", b"close"))
        return response


def _describe(parameter: str) -> dict[str, Any]:
    return {"name": parameter, "in": "path", "required": True, "schema": {"type": "string"}}


def _without_new(scope: Scope) -> Scope:
    """Return the scope with the path of a direct call, from which jobs make links."""
    raw: bytes = scope.get("raw_path") or b""
    return {**scope, "raw_path": raw.replace(_NEW.encode(), b"", 1)}


async def _never_send(_: object) -> None:
    raise RuntimeError("async calls are answered by their route")
