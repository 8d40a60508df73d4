"""Serving a job from a program of its author. Jobs import this module: its names are frozen."""

import os
from typing import Any

from racetrack_job_wrapper.environment import read_environment
from racetrack_job_wrapper.log.logs import configure_logs
from racetrack_job_wrapper.server import ServerOptions, serve_job


def serve_job_class(entrypoint_class: type) -> None:
    """Serve an object of the class, which is made in the calling thread while the server answers probes."""
    configure_logs()
    serve_job(read_environment(os.environ, None), entrypoint_class, ServerOptions())


def serve_job_instance(entrypoint: Any) -> None:
    """Serve an existing object."""
    serve_job(read_environment(os.environ, None), lambda: entrypoint, ServerOptions())
