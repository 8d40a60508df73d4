"""The HTTP server of a service."""

import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

import uvicorn
from racetrack_client.log.logs import get_logger
from starlette.types import ASGIApp

logger = get_logger(__name__)

GRACE_SECONDS = 3
OnStop = Callable[[], None]
"""A function that is called in the event loop of the app when the server begins to stop."""


@dataclass(frozen=True)
class ServerLimits:
    """The limits of a server: its connections, and its time to stop."""

    grace_seconds: int = GRACE_SECONDS
    """The time that running requests get after the service was told to stop."""
    connections: int | None = 2000
    """The most connections at once, beyond which callers get 503; None: the app limits them itself."""
    websocket_message_bytes: int = 16 * 1024 * 1024
    """The largest message of a WebSocket; a larger one closes the connection with code 1009."""


def serve_app(
    app: ASGIApp,
    addr: str,
    port: int,
    limits: ServerLimits | None = None,
    on_stop: OnStop | None = None,
) -> None:
    """Serve an app until SIGTERM or SIGINT, then let running requests finish."""
    create_server(app, addr, port, limits, on_stop).run()


def create_server(
    app: ASGIApp,
    addr: str,
    port: int,
    limits: ServerLimits | None = None,
    on_stop: OnStop | None = None,
) -> uvicorn.Server:
    """Return a server; port 0 chooses a free port. `on_stop` is called before the server waits for running requests."""
    limits = limits or ServerLimits()
    return _Server(
        uvicorn.Config(
            app,
            host=addr,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # any caller may claim any address
            backlog=2048,
            limit_concurrency=limits.connections,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=limits.grace_seconds,
            ws_max_size=limits.websocket_message_bytes,
            h11_max_incomplete_event_size=64 * 1024,
        ),
        on_stop,
    )


class _Server(uvicorn.Server):
    """Logs why it stops, and tells the app first."""

    def __init__(self, config: uvicorn.Config, on_stop: OnStop | None) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, as uvicorn does at a signal."""
        if not self.should_exit:
            logger.info(f"stopping, told by {signal.Signals(sig).name}")
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the app before waiting, because it may have requests that wait for events."""
        if self._on_stop is not None:
            self._on_stop()
        await super().shutdown(sockets)
