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
"""Called in the event loop of the app."""


@dataclass(frozen=True)
class ServerLimits:
    """How much a server takes on, and how long it waits when it stops."""

    grace_seconds: int = GRACE_SECONDS
    """How long running requests may take after the service was told to stop."""
    connections: int | None = 2000
    """More are answered with 503; None: the app itself knows when it is enough."""


def serve_app(
    app: ASGIApp,
    addr: str,
    port: int,
    limits: ServerLimits | None = None,
    on_stop: OnStop | None = None,
) -> None:
    """Serve an app until SIGTERM or SIGINT, then let running requests end."""
    create_server(app, addr, port, limits, on_stop).run()


def create_server(
    app: ASGIApp,
    addr: str,
    port: int,
    limits: ServerLimits | None = None,
    on_stop: OnStop | None = None,
) -> uvicorn.Server:
    """Make the server; port 0 takes a free one. `on_stop` is called before running requests are waited for."""
    limits = limits or ServerLimits()
    return _Server(
        uvicorn.Config(
            app,
            host=addr,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whoever talks to us may claim any address
            backlog=2048,
            limit_concurrency=limits.connections,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=limits.grace_seconds,
            h11_max_incomplete_event_size=64 * 1024,
        ),
        on_stop,
    )


class _Server(uvicorn.Server):
    """Says why it stops, also to the app."""

    def __init__(self, config: uvicorn.Config, on_stop: OnStop | None) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        if not self.should_exit:
            logger.info(f"stopping, told by {signal.Signals(sig).name}")
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the app know first: it may have requests that wait for something."""
        if self._on_stop is not None:
            self._on_stop()
        await super().shutdown(sockets)
