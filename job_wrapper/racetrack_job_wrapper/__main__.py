"""The command line of the wrapper."""

import argparse
import os
import sys

from racetrack_job_wrapper.environment import read_environment
from racetrack_job_wrapper.loading import load_entrypoint
from racetrack_job_wrapper.log.logs import configure_logs
from racetrack_job_wrapper.server import serve

TRUE = ("true", "t", "yes", "y", "1")


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(
        prog="job_wrapper",
        description="Serves a class with perform() over HTTP, as Racetrack runs it.",
    )
    commands = parser.add_subparsers(dest="command")
    run = commands.add_parser(
        "run",
        help="serve a job",
        description="Serve a job; then POST its arguments as JSON to /api/v1/perform.",
    )
    run.add_argument("entrypoint_path", help="Python file with the class, such as adder.py")
    run.add_argument(
        "entrypoint_classname", nargs="?", help="name of the class; default: the one with perform()"
    )
    run.add_argument(
        "--manifest-path", help="the job's manifest; default: job.yaml here, if there is one"
    )
    run.add_argument(
        "--host", default="0.0.0.0", help="address to listen on (default: %(default)s)"
    )
    run.add_argument(
        "--port", type=int, default=7000, help="port to listen on (default: %(default)s)"
    )
    options = parser.parse_args()
    if options.command is None:
        parser.print_help(sys.stderr)
        return
    configure_logs(structured=_flag("LOG_STRUCTURED"), with_caller=_flag("LOG_CALLER_NAME"))
    environment = read_environment(os.environ, options.manifest_path)
    serve(
        environment,
        lambda: load_entrypoint(options.entrypoint_path, options.entrypoint_classname),
        options.host,
        options.port,
    )


def _flag(name: str) -> bool:
    return os.environ.get(name, "").lower() in TRUE


if __name__ == "__main__":
    main()
