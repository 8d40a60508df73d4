"""`python -m pub`: the gateway to jobs."""

import sys

from racetrack_client.log.logs import configure_logs
from racetrack_commons.api.server import serve
from racetrack_commons.settings import SettingsError

from pub.app import create_app
from pub.config import Config


def main() -> None:
    """Read the settings and serve."""
    try:
        config = Config.load()
    except SettingsError as error:
        sys.exit(f"pub can't start: {error}")
    configure_logs(config.log_level)
    serve(create_app(config), config.http_addr, config.pub_port)


if __name__ == "__main__":
    main()
