"""Running a job: the server is up at once, the job is loaded behind it."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import uvicorn

from racetrack_job_wrapper.app import JobApp, JobState
from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.job import make_job
from racetrack_job_wrapper.log.logs import describe_error

logger = logging.getLogger("racetrack.job")
# Longer than gateways keep an idle connection: a call never meets a connection that the job is just closing.
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 30


def serve(environment: JobEnvironment, load: Callable[[], Any], host: str, port: int) -> None:
    """Serve until SIGTERM; then stop accepting and end the running calls. `load` makes the job's object."""
    state = JobState(environment)
    threading.Thread(target=_load_job, args=(state, load), name="load-job", daemon=True).start()
    uvicorn.run(
        JobApp(state),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _load_job(state: JobState, load: Callable[[], Any]) -> None:
    try:
        state.job = make_job(load(), state.environment)
    except BaseException as error:
        state.error = describe_error(error)
        logger.error("the job could not be loaded: %s", state.error, exc_info=error)
    else:
        logger.info(
            "job %s %s is ready to perform", state.environment.name, state.environment.version
        )
