"""`python -m dashboard`: the web pages of the platform."""

import sys

from racetrack_client.log.logs import configure_logs, get_logger
from racetrack_commons.api.connections import ConnectionLimits
from racetrack_commons.api.server import ServerLimits, serve_app
from racetrack_commons.closed_process import close_process
from racetrack_commons.settings import SettingsError

from dashboard.app import create_app
from dashboard.config import DashboardConfig

logger = get_logger("dashboard")


def main() -> None:
    """Read the settings and serve."""
    close_process()
    try:
        config = DashboardConfig.load()
    except SettingsError as error:
        sys.exit(f"dashboard can't start: {error}")
    configure_logs(config.log_level, structured=config.log_structured)
    if warning := config.find_exposure(config.http_addr):
        logger.warning(warning)
    limits = ServerLimits(
        grace_seconds=config.shutdown_grace_seconds,
        connections=ConnectionLimits(idle=4000),
        websocket_message_bytes=config.websocket_max_message_bytes,
    )
    logger.info(f"the dashboard is at http://127.0.0.1:{config.dashboard_port}/dashboard/")
    serve_app(create_app(config), config.http_addr, config.dashboard_port, limits)


if __name__ == "__main__":
    main()
