"""`serve` runs the periodic tasks; `stop-jobs` stops all running jobs, which come back at the next start."""

import argparse

from lifecycle.core import create_core
from racetrack_commons.api.server import serve_app
from racetrack_commons.start import exit_on_failure, start_process, start_server

from lifecycle_supervisor.app import create_app
from lifecycle_supervisor.config import SupervisorConfig

_SERVICE = "lifecycle_supervisor"


def main() -> None:
    """Parse the arguments and run the command."""
    parser = argparse.ArgumentParser(prog=_SERVICE, description=__doc__)
    parser.add_argument("command", nargs="?", choices=["serve", "stop-jobs"], default="serve")
    command = parser.parse_args().command
    if command == "stop-jobs":
        stop_jobs()
    else:
        serve()


def serve() -> None:
    """Run the periodic tasks, and serve their state."""
    config = start_server(_SERVICE, SupervisorConfig)
    with exit_on_failure(f"{_SERVICE} can't start"):
        app = create_app(config)
    serve_app(app, config.http_addr, config.http_port)


def stop_jobs() -> None:
    """Stop everything that runs on built-in targets; the registry keeps the jobs, which come back at the next start."""
    config = start_process(_SERVICE, SupervisorConfig)
    with exit_on_failure(f"{_SERVICE} can't stop the jobs"):
        core = create_core(config)
        for keeper in core.infrastructure.list_keepers():
            keeper.stop_all()
        core.close()


if __name__ == "__main__":
    main()
