"""The server of a job: it answers at once, while a thread loads the job."""

import asyncio
import math
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn

from racetrack_job_wrapper.app import JobApp
from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.job import JobState, load_job
from racetrack_job_wrapper.log.logger import logger
from racetrack_job_wrapper.profiler import MemoryProfiler, ProfilerUnusable

# Longer than gateways keep an idle connection, so that no call meets a connection that the job is closing.
KEEP_ALIVE_SECONDS = 75
POLL_SECONDS = 0.1
# The default of 8 MiB for each of 40 threads would count against the job's memory limit.
THREAD_STACK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class ServerOptions:
    """The address of the server, its grace period, and the profiler."""

    host: str = "0.0.0.0"  # noqa: S104 - a job is reached from outside its container
    port: int = 7000
    grace_seconds: int = 30
    profiler: MemoryProfiler | None = None
    """The memory profiler, which records from the start on."""


def serve_job(environment: JobEnvironment, load: Callable[[], Any], options: ServerOptions) -> None:
    """Serve until SIGTERM, then let running calls end. `load` makes the job's object, in another thread."""
    threading.stack_size(THREAD_STACK_BYTES)
    state = JobState(environment)
    if options.profiler:
        _start_profiler(options.profiler)
    threading.Thread(target=load_job, args=(state, load), name="load-job", daemon=True).start()
    # uvicorn raises the signal again when it ends; without these handlers, a requested stop would exit with an error.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
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
    JobServer(config).run()


class JobServer(uvicorn.Server):
    """A server that lets open WebSockets end like calls, where uvicorn closes them at once."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the port, wait for WebSockets and calls, then end."""
        for server in self.servers:
            server.close()
        grace_seconds = self.config.timeout_graceful_shutdown or 0
        deadline = time.monotonic() + grace_seconds
        while self._list_websockets() and not self.force_exit and time.monotonic() < deadline:
            self._close_other_connections()
            await asyncio.sleep(POLL_SECONDS)
        self.config.timeout_graceful_shutdown = max(0, math.ceil(deadline - time.monotonic()))
        await super().shutdown(sockets)

    def _list_websockets(self) -> list[Any]:
        kind = self.config.ws_protocol_class
        connections = list(self.server_state.connections)
        return [one for one in connections if kind is not None and isinstance(one, kind)]

    def _close_other_connections(self) -> None:
        """Close idle connections, and busy ones after their call: no new calls come by them."""
        websockets = self._list_websockets()
        for connection in list(self.server_state.connections):
            if connection not in websockets:
                connection.shutdown()


def _start_profiler(profiler: MemoryProfiler) -> None:
    try:
        profiler.start()
    except ProfilerUnusable as error:
        # The job works without its profiler.
        logger.error("%s", error)
