"""Running a job: the server is up at once, the job is loaded behind it."""

import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn

from racetrack_job_wrapper.app import JobApp
from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.job import JobState, load_job
from racetrack_job_wrapper.profiler import MemoryProfiler, ProfilerUnusable

logger = logging.getLogger("racetrack.job")
# Longer than gateways keep an idle connection: a call never meets a connection that the job is just closing.
KEEP_ALIVE_SECONDS = 75
# The usual 8 MiB for each of 40 threads would count against the job's memory limit.
THREAD_STACK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class ServerOptions:
    """Where a job listens, and how long its running calls may take to end."""

    host: str = "0.0.0.0"  # noqa: S104 - a job is reached from outside its container
    port: int = 7000
    grace_seconds: int = 30
    profiler: MemoryProfiler | None = None
    """Records from the start on what the job holds in memory."""


def serve(environment: JobEnvironment, load: Callable[[], Any], options: ServerOptions) -> None:
    """Serve until SIGTERM; then stop accepting and end the running calls. `load` makes the job's object."""
    threading.stack_size(THREAD_STACK_BYTES)
    state = JobState(environment)
    if options.profiler:
        _start_profiler(options.profiler)
    threading.Thread(target=load_job, args=(state, load), name="load-job", daemon=True).start()
    # uvicorn ends by raising the signal again; a stop that was asked for is a success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.run(
        JobApp(state, options.profiler),
        host=options.host,
        port=options.port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=options.grace_seconds,
    )


def _start_profiler(profiler: MemoryProfiler) -> None:
    try:
        profiler.start()
    except ProfilerUnusable as error:
        # The job itself can do without.
        logger.error("%s", error)
