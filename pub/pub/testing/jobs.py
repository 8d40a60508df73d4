"""Fakes of jobs: one that echoes its requests, and one that is slow or fails when told to."""

import asyncio
import threading

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect


class FakeJob:
    """A job that describes each request and echoes WebSocket messages; `/hold` streams until its caller disconnects."""

    def __init__(self, name: str = "one") -> None:
        self.name = name
        self.calls = 0
        self.left = 0
        """The number of callers that disconnected from `/hold`."""
        self.closes: list[tuple[int, str]] = []
        """The code and reason of each closed WebSocket."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            self.calls += 1
            path = scope["raw_path"].decode()
            if path.endswith("/hold"):
                await self._hold(receive, send)
                return
            request = Request(scope, receive)
            await (await self._answer(request, path))(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._echo(WebSocket(scope, receive, send))

    async def _answer(self, request: Request, path: str) -> Response:
        if path.endswith("/redirect"):
            location = f"http://{request.headers['host']}/pub/job/adder/0.0.2/docs"
            return Response(status_code=307, headers={"location": location})
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        content = {
            "name": self.name,
            "path": path,
            "query": request.scope["query_string"].decode(),
            "method": request.method,
            "headers": dict(request.headers),
            "size": size,
        }
        return JSONResponse(content, headers={"x-of-job": "yes"})

    async def _hold(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"held", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left += 1

    async def _echo(self, socket: WebSocket) -> None:
        if socket.url.path.endswith("/refused"):
            await socket.send_denial_response(Response(status_code=404))
            return
        await socket.accept(subprotocol=next(iter(socket.scope["subprotocols"]), None))
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    raise WebSocketDisconnect(message["code"], message.get("reason"))
                if message.get("text") == "headers":
                    await socket.send_json(dict(socket.headers))
                elif message.get("text") == "close":
                    await socket.close(4321, "asked to")
                elif "text" in message:
                    await socket.send_text(message["text"])
                else:
                    await socket.send_bytes(message["bytes"])
        except WebSocketDisconnect as left:
            self.closes.append((left.code, left.reason))


class SlowJob:
    """A job that answers by the last segment of the path: `/hold` waits for `let_go`, `/<number>` has that status."""

    def __init__(self) -> None:
        self.calls = 0
        self.failures = 0
        """The number of next calls whose answers break off."""
        self.let_go = threading.Event()
        self.left = 0
        """The number of callers that disconnected from `/hold`."""

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
            await self._hold(request)
        if what == "redirect":
            return Response(status_code=302, headers={"location": "/elsewhere"})
        if what == "echo":
            return await _echo(request)
        if what == "big":
            return Response(b"x" * 5000)
        query = request.scope["query_string"].decode()
        content = {"query": query, "headers": dict(request.headers), "method": request.method}
        return JSONResponse(content)

    async def _hold(self, request: Request) -> None:
        while not self.let_go.is_set():
            if await request.is_disconnected():
                self.left += 1
                return
            await asyncio.sleep(0.01)


async def _echo(request: Request) -> Response:
    media_type = request.headers.get("content-type", "application/octet-stream")
    response = Response(await request.body(), media_type=media_type)
    response.headers.append("set-cookie", "a=1")
    response.headers.append("set-cookie", "b=2; Path=/")
    response.headers["x-text"] = "f\xfcr"
    return response
