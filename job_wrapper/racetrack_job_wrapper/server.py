"""The server of a job, and the threads of its process.

- The main thread imports the job and makes its object; then it is the first worker, which runs calls of plain methods.
  So a job sees one thread as long as it gets one call after the other, and always with `max_concurrency: 1`.
- `call-2`, `call-3` and so on are further workers. One starts when a call waits and no worker is free.
- `job-loop` runs async code of the job: coroutine methods, streams, endpoints of FastAPI and ASGI pages.
  It starts at its first use. Its event loop is the one that code in `__init__` finds.
- `server` reads requests and sends answers, and answers probes by itself. No code of the job runs there.
- `metrics` collects the job's own metrics. WSGI pages have threads of their own.

The main thread receives signals. The server learns of them at once through a pipe, even while a call computes there.
"""

import asyncio
import contextlib
import importlib
import logging
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, cast

import uvicorn

from racetrack_job_wrapper.app import JobApp
from racetrack_job_wrapper.call_runner import JobThreads
from racetrack_job_wrapper.connections import (
    BoundedConfig,
    BoundedConnection,
    ConnectionLimits,
    SilentConnection,
)
from racetrack_job_wrapper.environment import SECRET_VARIABLE, JobEnvironment
from racetrack_job_wrapper.job import JobState, load_job
from racetrack_job_wrapper.log.logger import logger
from racetrack_job_wrapper.profiler import MemoryProfiler, ProfilerUnusable
from racetrack_job_wrapper.workers import WorkerPool

# Longer than gateways keep an idle connection, so that no call meets a connection that the job is closing.
KEEP_ALIVE_SECONDS = 75
POLL_SECONDS = 0.1
# The default of 8 MiB for each of 40 threads would count against the job's memory limit.
THREAD_STACK_BYTES = 4 * 1024 * 1024
# The patience with a main thread that goes on when the server has ended and the grace period is over.
END_SECONDS = 0.5
DEFAULTS: dict[int, Any] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}
"""The signals that stop the job, and what they do in other processes."""


@dataclass(frozen=True)
class ServerOptions:
    """The address of the server, its grace period, and the profiler."""

    host: str = "0.0.0.0"  # noqa: S104 - a job is reached from outside its container
    port: int = 7000
    grace_seconds: int = 30
    profiler: MemoryProfiler | None = None
    """The memory profiler, which records from the start on."""
    listener: socket.socket | None = None
    """A socket that listens already, in place of host and port."""


def work(state: JobState, load: Callable[[], Any]) -> None:
    """Load a job in the calling thread, and run its calls there until its workers are stopped."""
    with state.threads.loop.adopted():
        load_job(state, load)
    state.threads.workers.work_here()


def serve_job(environment: JobEnvironment, load: Callable[[], Any], options: ServerOptions) -> None:
    """Load and serve a job in the main thread until SIGTERM, then let running calls end. `load` makes the job's object."""
    threading.stack_size(THREAD_STACK_BYTES)
    os.environ.pop(SECRET_VARIABLE, None)  # A job that shows its variables must not show this one.
    state = JobState(environment, threads=JobThreads(WorkerPool(joined=True)))
    if options.profiler:
        _start_profiler(options.profiler)
    config = _configure(JobApp(state, options.profiler), options)
    with contextlib.suppress(ValueError):  # Loading the job tells what is wrong.
        config.ws_max_size = environment.max_message_bytes
    server = JobServer(config, state.threads.workers, options.listener)
    with server.running():
        work(state, load)
    if server.exit_code:
        raise SystemExit(server.exit_code)


class JobServer(uvicorn.Server):
    """A server in a thread of its own, which stops at signals of the main thread, and lets WebSockets end like calls."""

    def __init__(
        self,
        config: BoundedConfig,
        workers: WorkerPool,
        listener: socket.socket | None = None,
    ) -> None:
        super().__init__(config)
        if listener is not None:
            listener.set_inheritable(False)  # A child of the job must not keep its port.
        self._listeners = None if listener is None else [listener]
        self.exit_code = 0
        self._watch = config.watch
        self._workers = workers
        self._is_over = False
        self._was_interrupted = False
        self._main_left = threading.Event()
        self._forking = threading.local()
        self._signals, self._signal_sink = os.pipe()
        os.set_blocking(self._signal_sink, False)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Serve while the block runs in the main thread, which is told to leave it when the server has ended."""
        for number in DEFAULTS:
            signal.signal(number, self._receive_signal)
        signal.set_wakeup_fd(self._signal_sink, warn_on_full_buffer=False)
        os.register_at_fork(
            before=self._hold_signals,
            after_in_parent=self._release_signals,
            after_in_child=self._forget_signals,
        )
        threading.Thread(target=self._serve_until_the_end, name="server", daemon=True).start()
        try:
            yield
        finally:
            self._main_left.set()

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections; uvicorn calls it ten times a second."""
        self._watch.tick(self.server_state.connections, counter)
        return await super().on_tick(counter)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, and heed signals."""
        asyncio.get_running_loop().add_reader(self._signals, self._read_signals)
        await super().serve(sockets)

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

    def _receive_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_over:
            raise SystemExit("the job was stopped")
        self.should_exit = True

    def _read_signals(self) -> None:
        for number in os.read(self._signals, 64):
            if number in DEFAULTS:
                self.should_exit = True
            if number == signal.SIGINT:
                self.force_exit, self._was_interrupted = self._was_interrupted, True

    def _hold_signals(self) -> None:
        # A signal that meets a new process before it has forgotten the pipe would stop this server.
        self._forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, DEFAULTS)

    def _release_signals(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._forking.mask)

    def _forget_signals(self) -> None:
        # A process that the job forks ends at SIGTERM, as usual.
        sink = signal.set_wakeup_fd(-1)
        if sink not in (-1, self._signal_sink):
            signal.set_wakeup_fd(sink)
        for number, default in DEFAULTS.items():
            if signal.getsignal(number) == self._receive_signal:
                signal.signal(number, default)
        self._release_signals()

    def _list_websockets(self) -> list[Any]:
        for_http = (SilentConnection, BoundedConnection)
        return [one for one in list(self.server_state.connections) if not isinstance(one, for_http)]

    def _close_other_connections(self) -> None:
        """Close idle connections, and busy ones after their call: no new calls come by them."""
        websockets = self._list_websockets()
        for connection in list(self.server_state.connections):
            if connection not in websockets:
                connection.shutdown()

    def _serve_until_the_end(self) -> None:
        try:
            self.run(self._listeners)
        except SystemExit as stop:
            self.exit_code = stop.code if isinstance(stop.code, int) else 1
        except BaseException as error:  # noqa: BLE001 - without its server, the process must end
            logger.log_failure("the server of the job failed", error)
            self.exit_code = 1
        finally:
            self._end_main_thread()

    def _end_main_thread(self) -> None:
        self._is_over = True
        self._workers.stop()
        if self._main_left.wait(END_SECONDS):
            return
        # A call that exceeds the grace period, or a job that is still being loaded, is interrupted.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        if not self._main_left.wait(END_SECONDS):
            logging.shutdown()
            os._exit(self.exit_code)


def _configure(app: JobApp, options: ServerOptions) -> BoundedConfig:
    return BoundedConfig(
        app,
        ConnectionLimits(requests=None, idle=1000),  # The manifest limits calls.
        host=options.host,
        port=options.port,
        ws=cast("Any", _open_websocket),  # uvicorn calls it as it would call the class.
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=options.grace_seconds,
    )


def _open_websocket(**options: Any) -> asyncio.Protocol:
    # The library is imported at the first WebSocket: it takes a good part of the time until the server answers.
    protocol = importlib.import_module("uvicorn.protocols.websockets.auto").AutoWebSocketsProtocol
    opened: asyncio.Protocol = protocol(**options)
    return opened


def _start_profiler(profiler: MemoryProfiler) -> None:
    try:
        profiler.start()
    except ProfilerUnusable as error:
        # The job works without its profiler.
        logger.error("%s", error)
