"""The HTTP server of a service."""

import signal
from dataclasses import dataclass
from types import FrameType

import uvicorn
from racetrack_client.log.logs import get_logger
from starlette.types import ASGIApp

logger = get_logger(__name__)

GRACE_SECONDS = 3


@dataclass(frozen=True)
class ServerLimits:
    """How much a server takes on, and how long it waits when it stops."""

    grace_seconds: int = GRACE_SECONDS
    """How long running requests may take after the service was told to stop."""
    connections: int | None = 2000
    """More are answered with 503; None: the app itself knows when it is enough."""


def serve(app: ASGIApp, addr: str, port: int, limits: ServerLimits | None = None) -> None:
    """Serve an app until SIGTERM or SIGINT, then let running requests end."""
    create_server(app, addr, port, limits).run()


def create_server(
    app: ASGIApp, addr: str, port: int, limits: ServerLimits | None = None
) -> uvicorn.Server:
    """Make the server; port 0 takes a free one."""
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
        )
    )


class _Server(uvicorn.Server):
    """Says why it stops."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        if not self.should_exit:
            logger.info(f"stopping, told by {signal.Signals(sig).name}")
        super().handle_exit(sig, frame)
