"""`serve` runs the periodic tasks; `stop-jobs` stops all running jobs, which come back at the next start."""

import argparse
import sys

from lifecycle.core import create_core
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import configure_logs, get_logger
from racetrack_commons.api.server import serve_app
from racetrack_commons.closed_process import close_process
from racetrack_commons.settings import SettingsError

from lifecycle_supervisor.app import create_app
from lifecycle_supervisor.config import SupervisorConfig

logger = get_logger("lifecycle_supervisor")


def main() -> None:
    """Parse the arguments and run the command."""
    close_process()
    parser = argparse.ArgumentParser(prog="lifecycle_supervisor", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["serve", "stop-jobs"], default="serve")
    command = parser.parse_args().command
    try:
        config = SupervisorConfig.load()
        configure_logs(config.log_level)
        if command == "stop-jobs":
            stop_jobs(config)
        else:
            if warning := config.find_exposure(config.http_addr):
                logger.warning(warning)
            serve_app(create_app(config), config.http_addr, config.http_port)
    except (SettingsError, ServiceUnavailable) as error:
        sys.exit(f"lifecycle_supervisor: {error}")


def stop_jobs(config: SupervisorConfig) -> None:
    """Stop everything that runs on built-in targets; the registry keeps the jobs, which come back at the next start."""
    core = create_core(config)
    for keeper in core.infrastructure.list_keepers():
        keeper.stop_all()
    core.close()


if __name__ == "__main__":
    main()
