"""Streams of changes: one reader of the table for all subscribers, woken at once by commits of this process."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import ChangeEvent, ChangeKind

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.metrics import LifecycleMetrics

logger = get_logger(__name__)
POLL_SECONDS = 0.2
STOP_SECONDS = 2
MOST_READERS = 500
PAUSE_SECONDS = 0.1
"""The time after a message in which changes are collected for the next one."""
KEEP_ALIVE_SECONDS = 15
_TRY_AGAIN_LATER = 1013
_JOBS_CHANGED = {"event": "job_models_changed"}
_Changes = asyncio.Queue[ChangeEvent]
_Tell = Callable[[WebSocket, _Changes], Awaitable[None]]


class ChangeFeed:
    """Hands each change to every subscriber, including changes that other processes committed."""

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self._unit_of_work = unit_of_work
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._subscribers: dict[asyncio.Queue[ChangeEvent], asyncio.AbstractEventLoop] = {}
        self._newest_id = 0
        self._thread = threading.Thread(target=self._read, name="changes", daemon=True)

    def start(self) -> None:
        """Start the thread that reads changes."""
        with self._unit_of_work.reading() as uow:
            self._newest_id = uow.changes.get_newest_id()
        self._unit_of_work.add_listener(self._wake.set)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread that reads changes."""
        self._stopping.set()
        self._wake.set()
        self._unit_of_work.remove_listener(self._wake.set)
        self._thread.join(STOP_SECONDS)

    @property
    def newest_id(self) -> int:
        """The id of the newest change that was handed to subscribers."""
        return self._newest_id

    @contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[ChangeEvent]]:
        """Collect changes in a queue of the running event loop while the block runs."""
        queue: asyncio.Queue[ChangeEvent] = asyncio.Queue()
        with self._lock:
            self._subscribers[queue] = asyncio.get_running_loop()
        self._wake.set()
        try:
            yield queue
        finally:
            with self._lock:
                del self._subscribers[queue]

    def _read(self) -> None:
        while not self._stopping.is_set():
            # Without subscribers, the commits of other processes need no polling.
            self._wake.wait(POLL_SECONDS if self._subscribers else None)
            self._wake.clear()
            try:
                self._hand_out()
            except Exception as error:  # noqa: BLE001 - the database may be away for a while
                logger.warning(f"changes can't be read: {error}")
                self._stopping.wait(POLL_SECONDS)

    def _hand_out(self) -> None:
        with self._unit_of_work.reading() as uow:
            changes = uow.changes.list_after(self._newest_id)
        for change in changes:
            with self._lock:
                for queue, loop in self._subscribers.items():
                    loop.call_soon_threadsafe(queue.put_nowait, change)
            self._newest_id = change.id


class ChangeSockets:
    """Tells pages by WebSocket what changed, never whose: one message for all changes since the last one."""

    def __init__(self, feed: ChangeFeed, metrics: LifecycleMetrics) -> None:
        self._feed = feed
        self._metrics = metrics
        self._readers = 0

    def router(self) -> APIRouter:
        """Return the router of the WebSockets."""
        router = APIRouter()
        for path, follow in (
            ("/websocket/events", self.follow_jobs),
            ("/websocket/changes", self.follow_kinds),
        ):
            router.add_api_websocket_route(path, follow)
            router.add_api_route(path, self.refuse, methods=["GET"], include_in_schema=False)
        return router

    async def follow_jobs(self, socket: WebSocket) -> None:
        """Tell that jobs changed, in the words that older dashboards know."""
        await self._follow(socket, _tell_of_jobs)

    async def follow_kinds(self, socket: WebSocket) -> None:
        """Tell the kinds of what changed; a message without kinds shows that the connection is alive."""
        await self._follow(socket, _tell_kinds)

    async def refuse(self) -> JSONResponse:
        """Refuse requests that open no WebSocket."""
        return JSONResponse({"title": "405 Method Not Allowed"}, status_code=405)

    async def _follow(self, socket: WebSocket, tell: _Tell) -> None:
        """Send messages until the reader disconnects; its own messages are ignored. Anyone may read, but not all at once."""
        if self._readers >= MOST_READERS:
            await socket.close(_TRY_AGAIN_LATER)
            return
        self._readers += 1
        try:
            await self._serve(socket, tell)
        finally:
            self._readers -= 1

    async def _serve(self, socket: WebSocket, tell: _Tell) -> None:
        await socket.accept()
        self._metrics.event_stream_client_connected.inc()
        try:
            with self._feed.subscribe() as changes:
                sending = asyncio.create_task(_send(socket, tell, changes))
                try:
                    await self._wait_until_it_leaves(socket)
                finally:
                    sending.cancel()
        finally:
            self._metrics.event_stream_client_disconnected.inc()

    async def _wait_until_it_leaves(self, socket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.receive_text()


async def _send(socket: WebSocket, tell: _Tell, changes: _Changes) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        await tell(socket, changes)


async def _tell_of_jobs(socket: WebSocket, changes: _Changes) -> None:
    while True:
        if ChangeKind.JOB in await _wait_for_kinds(changes):
            await socket.send_json(_JOBS_CHANGED)


async def _tell_kinds(socket: WebSocket, changes: _Changes) -> None:
    while True:
        try:
            kinds = await asyncio.wait_for(_wait_for_kinds(changes), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            await socket.send_json({"kinds": []})
            continue
        if told := sorted(kinds - {ChangeKind.AUTH}):
            await socket.send_json({"kinds": told})
            await asyncio.sleep(PAUSE_SECONDS)


async def _wait_for_kinds(changes: _Changes) -> set[ChangeKind]:
    """Wait for a change; return its kind with those of all others that have come meanwhile."""
    kinds = {(await changes.get()).kind}
    while not changes.empty():
        kinds.add(changes.get_nowait().kind)
    return kinds
