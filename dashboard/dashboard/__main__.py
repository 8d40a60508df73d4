"""`python -m dashboard`: the web pages of the platform."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from racetrack_client.log.logs import get_logger
from racetrack_commons.api.connections import ConnectionLimits
from racetrack_commons.api.server import ServerLimits, serve_app
from racetrack_commons.start import start_server

from dashboard.config import DashboardConfig

logger = get_logger("dashboard")
_UNUSED = ("aiohttp", "requests", "websocket", "rich", "pygments", "cryptography")
"""Packages that libraries import, if they are there, for clients and commands that a server has no use for: 25 MB."""


def main() -> None:
    """Read the settings and serve."""
    config = start_server("dashboard", DashboardConfig)
    limits = ServerLimits(
        grace_seconds=config.shutdown_grace_seconds,
        connections=ConnectionLimits(idle=4000),
        websocket_message_bytes=config.websocket_max_message_bytes,
    )
    logger.info(f"the dashboard is at http://127.0.0.1:{config.dashboard_port}/dashboard/")
    with hiding(*_UNUSED):
        app = import_module("dashboard.app").create_app(config)
    serve_app(app, config.http_addr, config.dashboard_port, limits)


@contextmanager
def hiding(*packages: str) -> Iterator[None]:
    """Let imports fail as if the packages were not installed, until the block ends; those imported before stay."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is what forbids an import
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


if __name__ == "__main__":
    main()
