"""Serving a job from one's own program."""

import os
from typing import Any

from racetrack_job_wrapper.environment import read_environment
from racetrack_job_wrapper.log.logs import configure_logs
from racetrack_job_wrapper.server import ServerOptions, serve


def serve_job_class(entrypoint_class: type) -> None:
    """Make an object of the class in the background and serve it."""
    configure_logs()
    serve(read_environment(os.environ, None), entrypoint_class, ServerOptions())


def serve_job_instance(entrypoint: Any) -> None:
    """Serve an object."""
    serve(read_environment(os.environ, None), lambda: entrypoint, ServerOptions())
