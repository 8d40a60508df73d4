"""`python -m pub`: the gateway to jobs."""

import asyncio

from racetrack_commons.api.connections import ConnectionLimits
from racetrack_commons.api.server import ServerLimits, serve_app
from racetrack_commons.start import start_server

from pub.app import create_gateway
from pub.config import PubConfig


def main() -> None:
    """Read the settings and serve."""
    config = start_server("pub", PubConfig)
    stopping = asyncio.Event()
    gateway = create_gateway(config, stopping=stopping)
    # The gateway limits calls, and tells callers so.
    limits = ServerLimits(
        grace_seconds=config.shutdown_grace_seconds,
        connections=ConnectionLimits(requests=None, idle=4000),
        websocket_message_bytes=config.websocket_max_message_bytes,
        make_connection=gateway.make_connection,
    )
    serve_app(gateway.app, config.http_addr, config.pub_port, limits, on_stop=stopping.set)


if __name__ == "__main__":
    main()
