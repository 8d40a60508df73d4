"""Telling dashboards, by WebSocket, that jobs changed."""

import asyncio
import contextlib

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from racetrack_commons.entities.dto import ChangeEvent, ChangeKind

from lifecycle.event_stream.feed import ChangeFeed
from lifecycle.metrics import LifecycleMetrics

_JOBS_CHANGED = {"event": "job_models_changed"}


class JobEvents:
    """Sends one message for all that changed since the last one."""

    def __init__(self, feed: ChangeFeed, metrics: LifecycleMetrics) -> None:
        self._feed = feed
        self._metrics = metrics

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter()
        router.add_api_websocket_route("/websocket/events", self.follow)
        router.add_api_route(
            "/websocket/events", self.refuse, methods=["GET"], include_in_schema=False
        )
        return router

    async def follow(self, socket: WebSocket) -> None:
        """Send messages until the reader leaves; what it says is ignored."""
        await socket.accept()
        self._metrics.event_stream_client_connected.inc()
        try:
            with self._feed.subscribe() as changes:
                sending = asyncio.create_task(self._send(socket, changes))
                try:
                    await self._wait_until_it_leaves(socket)
                finally:
                    sending.cancel()
        finally:
            self._metrics.event_stream_client_disconnected.inc()

    async def refuse(self) -> JSONResponse:
        """Answer who comes without a WebSocket."""
        return JSONResponse({"title": "405 Method Not Allowed"}, status_code=405)

    async def _send(self, socket: WebSocket, changes: asyncio.Queue[ChangeEvent]) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.send_json(await self._wait_for_jobs(changes))

    async def _wait_for_jobs(self, changes: asyncio.Queue[ChangeEvent]) -> dict[str, str]:
        while True:
            kinds = {(await changes.get()).kind}
            while not changes.empty():
                kinds.add(changes.get_nowait().kind)
            if ChangeKind.JOB in kinds:
                return _JOBS_CHANGED

    async def _wait_until_it_leaves(self, socket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.receive_text()
