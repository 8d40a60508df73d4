"""The HTTP server of a service."""

import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

import uvicorn
from racetrack_client.log.logs import get_logger
from starlette.types import ASGIApp

from racetrack_commons.api.connections import BoundedConfig, BoundedConnection, ConnectionLimits

logger = get_logger(__name__)

GRACE_SECONDS = 3
MakeConnection = Callable[..., BoundedConnection]
"""A maker of connections, from the arguments of a `BoundedConnection`."""
OnStop = Callable[[], None]
"""A function that is called in the event loop of the app when the server begins to stop."""


@dataclass(frozen=True)
class ServerLimits:
    """The limits of a server: its connections, and its time to stop."""

    grace_seconds: int = GRACE_SECONDS
    """The time that running requests get after the service was told to stop."""
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    """The limits of requests, and of connections without one."""
    websocket_message_bytes: int = 16 * 1024 * 1024
    """The largest message of a WebSocket; a larger one closes the connection with code 1009."""
    make_connection: MakeConnection | None = None
    """The maker of connections that do more than hand requests to the app."""


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
    config = BoundedConfig(
        app,
        limits.connections,
        host=addr,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # any caller may claim any address
        backlog=2048,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=limits.grace_seconds,
        ws_max_size=limits.websocket_message_bytes,
    )
    if limits.make_connection is not None:
        config.make_connection = limits.make_connection
    return _Server(config, on_stop)


class _Server(uvicorn.Server):
    """Logs why it stops, and tells the app first; looks after its connections."""

    def __init__(self, config: BoundedConfig, on_stop: OnStop | None) -> None:
        super().__init__(config)
        self._watch = config.watch
        self._on_stop = on_stop

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections; uvicorn calls it ten times a second."""
        self._watch.tick(self.server_state.connections, counter)
        return await super().on_tick(counter)

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
