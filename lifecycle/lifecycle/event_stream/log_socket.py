"""Following logs by Socket.IO, as `racetrack logs --follow` of older clients does."""

import asyncio
import contextlib
from typing import Any

import socketio
from racetrack_client.log.logs import get_logger
from racetrack_commons.api.errors import STATUSES, describe_failure
from racetrack_commons.auth.token import AUTH_HEADER
from socketio.exceptions import TimeoutError as NotAcknowledged
from starlette.types import ASGIApp

from lifecycle.event_stream.followed_logs import FollowedJobLog, LogSources, follow_lines

logger = get_logger(__name__)

_NEXT_LINE = "logs_nextline"
_ACKNOWLEDGED_WITHIN_SECONDS = 60
_ENVIRON_TOKEN = "HTTP_" + AUTH_HEADER.upper().replace("-", "_")


def create_log_socket(sources: LogSources) -> ASGIApp:
    """Make the app that serves the handshake, long polling and WebSockets of readers."""
    # An empty list leaves CORS to the app around it.
    server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=[])
    socket = LogSocket(server, sources)
    server.on("connect", socket.connect)
    server.on("subscribe_for_logs", socket.subscribe)
    server.on("disconnect", socket.disconnect)
    app: ASGIApp = socketio.ASGIApp(server, socketio_path=None)
    return app


class LogSocket:
    """Sends one log to each connection; a line is sent when the reader acknowledged the line before."""

    def __init__(self, server: socketio.AsyncServer, sources: LogSources) -> None:
        self._server = server
        self._sources = sources
        self._tokens: dict[str, str] = {}
        self._session_ids: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        """Remember the token of a reader, from its headers or from `{"token": …}`."""
        shown = auth.get("token") if isinstance(auth, dict) else None
        if token := shown or environ.get(_ENVIRON_TOKEN):
            self._tokens[sid] = str(token)

    async def subscribe(self, sid: str, data: Any) -> str | None:
        """Begin to send lines; return the id of the session, or None if the only line sent tells why there is no log."""
        if sid in self._session_ids:
            return self._session_ids[sid]
        properties = data.get("resource_properties") if isinstance(data, dict) else None
        try:
            log = await asyncio.to_thread(
                self._sources.open_requested, properties, self._tokens.get(sid)
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader must learn of it
            self._start(sid, self._refuse(sid, error))
            return None
        session_id = f"{sid}_{log.job.name}_{log.job.version}"
        self._session_ids[sid] = session_id
        self._start(sid, self._send(sid, log, session_id))
        return session_id

    async def disconnect(self, sid: str, _: str | None = None) -> None:
        """Stop sending lines to a reader that disconnected."""
        self._tokens.pop(sid, None)
        self._session_ids.pop(sid, None)
        if task := self._tasks.pop(sid, None):
            task.cancel()

    async def _send(self, sid: str, log: FollowedJobLog, session_id: str) -> None:
        try:
            async with contextlib.aclosing(follow_lines(log, session_id)) as lines:
                async for line in lines:
                    if line is not None:
                        await self._send_line(sid, line)
        except NotAcknowledged:
            logger.warning(f"a reader of the log of job {log.job} went silent")
            await self._server.disconnect(sid)
        except Exception as error:  # noqa: BLE001 - streamers of plugins raise what they like
            await self._refuse(sid, error)

    async def _refuse(self, sid: str, error: Exception) -> None:
        answer = describe_failure(error, STATUSES)
        if answer.is_fault:
            logger.error("following a log failed", exc_info=error)
        with contextlib.suppress(NotAcknowledged):
            await self._send_line(sid, f"Error: {answer.body['error']}")
        await self._server.disconnect(sid)

    async def _send_line(self, sid: str, line: str) -> None:
        await self._server.call(
            _NEXT_LINE, {"line": line}, to=sid, timeout=_ACKNOWLEDGED_WITHIN_SECONDS
        )

    def _start(self, sid: str, work: Any) -> None:
        self._tasks[sid] = asyncio.ensure_future(work)
