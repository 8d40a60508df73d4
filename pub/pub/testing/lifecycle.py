"""A fake of the part of Lifecycle that the gateway uses: authorization of calls, and the stream of changes."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from racetrack_commons.auth.instance_proof import SERVICE_HEADER
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

A_JOB = {
    "name": "adder",
    "version": "0.0.2",
    "status": "running",
    "create_time": 1,
    "update_time": 1,
}


class FakeLifecycle:
    """A Lifecycle with the job adder. Only the tokens `a.good.z` and `a.internal.z` may call it; `/open` is public.

    The token `a.stranger.z` is valid, without a permission.
    """

    def __init__(self) -> None:
        self.url = ""
        self.address: str | None = None
        """The address of the job."""
        self.asked: list[dict[str, str]] = []
        """The queries so far: `path`, `token`, and the headers of each."""
        self.most_at_once = 0
        """The most queries that were open at the same time."""
        self._at_once = 0
        self.status = 200
        """The status of every answer; any other than 200 is an error."""
        self.error_type: str | None = None
        self.job_status = "running"
        self.replicas: list[str] = []
        self.secret: str | None = None
        """The secret that the job proves to know; only the gateway is told it."""
        self.gateway_url: str | None = None
        self.is_revoked = False
        self.valid_seconds: float | None = None
        """The seconds until the caller's token expires; None if it does not."""
        self.is_secure = False
        """True if sessions of browsers are for HTTPS only."""
        self.ended_sessions: list[str] = []
        self.refused_reports = 0
        """The number of reports of calls to answer with the status of refusal."""
        self.refusal = 503
        self.report_delays: list[float] = []
        """The seconds that the next reports take."""
        self.begun_reports = 0
        self.reports: list[dict[str, Any]] = []
        self.is_streaming = True
        self.delay_seconds = 0.0
        self.changes: list[dict[str, Any]] = []
        self.sent = 0
        """The number of changes that were sent over all streams."""
        self.streams = 0
        """The number of times that the stream of changes was opened."""
        self.app = Starlette(
            routes=[
                Route(
                    "/lifecycle/api/v1/auth/can-call-job/{name}/{version}/{path:path}",
                    self._answer,
                ),
                Route("/lifecycle/api/v1/events", self._stream_changes),
                Route("/lifecycle/api/v1/calls", self._take_report, methods=["POST"]),
                Route("/lifecycle/api/v1/users/job_session", self._log_in, methods=["POST"]),
                Route("/lifecycle/api/v1/users/job_session", self._log_out, methods=["DELETE"]),
            ]
        )

    def announce(self, kind: str, subject: str | None = None) -> None:
        """Send a change to all open streams."""
        self.changes.append({"id": len(self.changes) + 1, "kind": kind, "subject": subject})

    async def _answer(self, request: Request) -> Response:
        token = request.headers.get("x-racetrack-auth", "")
        path = request.path_params["path"]
        self.asked.append({**request.headers, "path": path, "token": token})
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self.delay_seconds)
        self._at_once -= 1
        is_open = path == "open"
        if self.status != 200:
            error = {"error": "told to fail"}
            if self.error_type is not None:
                error["type"] = self.error_type
            return JSONResponse(error, self.status)
        if not is_open and (token not in ("a.good.z", "a.internal.z") or self.is_revoked):
            kind = "NotPermitted" if token == "a.stranger.z" else "InvalidToken"
            return JSONResponse({"error": "no permission", "type": kind}, 401)
        if request.path_params["name"] != "adder":
            return JSONResponse({"error": "there is no such job", "type": "EntityNotFound"}, 404)
        job = A_JOB | {
            "internal_name": self.address,
            "status": self.job_status,
            "replica_internal_names": self.replicas,
        }
        caller = "User alice" if token == "a.good.z" else None
        is_gateway = request.headers.get(SERVICE_HEADER) == "a.internal.z"
        content = {
            "job": job,
            "caller": caller,
            "remote_gateway_url": self.gateway_url,
            "valid_seconds": self.valid_seconds,
            "instance_secret": self.secret if is_gateway else None,
        }
        return JSONResponse(content)

    def reported_calls(self) -> Counter[tuple[str, str, str]]:
        """Return the number of calls in all reports, by job, version and caller."""
        counted: Counter[tuple[str, str, str]] = Counter()
        for each in self.reports:
            counted[each["job_name"], each["job_version"], each["caller"]] += each["count"]
        return counted

    async def _take_report(self, request: Request) -> Response:
        self.begun_reports += 1
        calls = (await request.json())["calls"]
        if self.report_delays:
            await asyncio.sleep(self.report_delays.pop(0))
        if self.refused_reports > 0:
            self.refused_reports -= 1
            return JSONResponse({"error": "told to fail"}, self.refusal)
        self.reports += calls
        return JSONResponse(None)

    async def _log_in(self, request: Request) -> Response:
        self.asked.append(dict(request.headers))
        if await request.json() != {"username": "alice", "password": "of & alice"}:
            return JSONResponse({"error": "wrong password", "type": "WrongCredentials"}, 401)
        session = {"session": "a.good.z", "lifetime_seconds": 60, "is_secure": self.is_secure}
        return JSONResponse(session)

    async def _log_out(self, request: Request) -> Response:
        if self.status != 200:
            return JSONResponse({"error": "told to fail"}, self.status)
        self.ended_sessions.append((await request.json())["session"])
        return Response(status_code=204)

    async def _stream_changes(self, request: Request) -> Response:
        if not self.is_streaming:
            return JSONResponse({"error": "told to fail"}, 503)

        async def stream() -> AsyncIterator[str]:
            self.streams += 1
            sent = len(self.changes)
            yield 'event: hello\ndata: {"id": 0}\n\n'
            while self.is_streaming and not await request.is_disconnected():
                for change in self.changes[sent:]:
                    sent += 1
                    self.sent += 1
                    yield f"event: change\ndata: {json.dumps(change)}\n\n"
                await asyncio.sleep(0.01)

        return StreamingResponse(stream(), media_type="text/event-stream")
