"""A stand-in for a job that takes its time."""

import asyncio
import threading

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send


class SlowJob:
    """Answers by the last segment of the path; `/hold` when it is let go, `/<number>` with that status."""

    def __init__(self) -> None:
        self.calls = 0
        self.failures = 0
        """So many of the next calls break off."""
        self.let_go = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        self.calls += 1
        if self.failures:
            self.failures -= 1
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half of", "more_body": True})
            return
        request = Request(scope, receive)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        what = request.url.path.rpartition("/")[2]
        if what.isdecimal():
            return Response(b"as told", status_code=int(what))
        if what == "hold":
            await asyncio.to_thread(self.let_go.wait)
        if what == "redirect":
            return Response(status_code=302, headers={"location": "/elsewhere"})
        if what == "echo":
            return await _echo(request)
        if what == "big":
            return Response(b"x" * 5000)
        query = request.scope["query_string"].decode()
        content = {"query": query, "headers": dict(request.headers), "method": request.method}
        return JSONResponse(content)


async def _echo(request: Request) -> Response:
    media_type = request.headers.get("content-type", "application/octet-stream")
    response = Response(await request.body(), media_type=media_type)
    response.headers.append("set-cookie", "a=1")
    response.headers.append("set-cookie", "b=2; Path=/")
    response.headers["x-text"] = "f\xfcr"
    return response
