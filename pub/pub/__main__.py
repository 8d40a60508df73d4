"""`python -m pub`: the gateway to jobs."""

import asyncio
import sys

from racetrack_client.log.logs import configure_logs, get_logger
from racetrack_commons.api.connections import ConnectionLimits
from racetrack_commons.api.server import ServerLimits, serve_app
from racetrack_commons.closed_process import close_process
from racetrack_commons.settings import SettingsError

from pub.app import create_app
from pub.config import PubConfig

logger = get_logger("pub")


def main() -> None:
    """Read the settings and serve."""
    close_process()
    try:
        config = PubConfig.load()
    except SettingsError as error:
        sys.exit(f"pub can't start: {error}")
    configure_logs(config.log_level, structured=config.log_structured)
    if warning := config.find_exposure(config.http_addr):
        logger.warning(warning)
    # The app limits calls, and tells callers so.
    limits = ServerLimits(
        grace_seconds=config.shutdown_grace_seconds,
        connections=ConnectionLimits(requests=None, idle=4000),
        websocket_message_bytes=config.websocket_max_message_bytes,
    )
    stopping = asyncio.Event()
    app = create_app(config, stopping=stopping)
    serve_app(app, config.http_addr, config.pub_port, limits, on_stop=stopping.set)


if __name__ == "__main__":
    main()
