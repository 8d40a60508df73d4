import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from racetrack_job_wrapper.app import JobApp
from racetrack_job_wrapper.call_runner import JobThreads
from racetrack_job_wrapper.environment import read_environment
from racetrack_job_wrapper.job import JobState
from racetrack_job_wrapper.server import work
from racetrack_job_wrapper.workers import WorkerPool


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """Serve an ASGI app on a real socket while the test runs."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@pytest.fixture
def serve_job(wait_until) -> Iterator[Callable[..., httpx.Client]]:
    """A function that serves an object or class as the job `adder 1.2.3`; None stands for a job that is still starting."""
    ends = []

    def serve(job: Any, secret: str = "", **extra: Any) -> httpx.Client:
        variables = {
            "RACETRACK_INSTANCE_SECRET": secret,
            "JOB_NAME": "adder",
            "JOB_VERSION": "1.2.3",
            "JOB_DEPLOYMENT_TIMESTAMP": "1700",
            "JOB_MANIFEST_YAML": f"jobtype_extra: {extra!r}",
        }
        state = JobState(
            read_environment(variables, None), threads=JobThreads(WorkerPool(joined=True))
        )
        if job is not None:
            load = job if isinstance(job, type) else lambda: job
            threading.Thread(target=work, args=(state, load), name="main", daemon=True).start()
            wait_until(lambda: bool(state.job or state.error))
        context = listening(JobApp(state))
        client = httpx.Client(base_url=context.__enter__(), timeout=20)
        ends.append((client, context, state.threads))
        return client

    yield serve
    for client, context, threads in ends:
        client.close()
        context.__exit__(None, None, None)
        threads.close()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < deadline, "the condition never came true"
            threading.Event().wait(0.01)

    return wait


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    yield
    for name in set(sys.modules) - modules:
        if "site-packages" not in (getattr(sys.modules[name], "__file__", None) or "site-packages"):
            del sys.modules[name]
    vars(sys.modules["__main__"]).pop("__getattr__", None)
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
