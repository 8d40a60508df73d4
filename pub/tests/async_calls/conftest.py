"""Gateways with a real Lifecycle on a real database."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from lifecycle.app import create_app as create_lifecycle
from lifecycle.config import Config as LifecycleConfig
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.testing.databases import make_sqlite_template
from pub.app import create_gateway
from pub.config import PubConfig
from pub.testing.jobs import SlowJob
from pydantic import SecretStr
from racetrack_client.entities import AuthScope
from racetrack_commons.api.connections import ConnectionLimits
from racetrack_commons.api.server import ServerLimits, create_server
from racetrack_commons.auth.token import admin_token, internal_token
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import free_port, wait_until
from starlette.types import ASGIApp

AUTH_KEY = "a key for tests, long enough for HS256"
NEW = "/pub/async/new/job/adder/latest"


@dataclass
class Served:
    """An app that is served until it is stopped."""

    server: uvicorn.Server
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        wait_until(lambda: self.server.started)

    def begin_to_stop(self) -> None:
        self.server.should_exit = True

    def stop(self) -> None:
        self.begin_to_stop()
        self.thread.join(15)
        assert not self.thread.is_alive()


@dataclass
class RealLifecycle:
    """Lifecycle on its database; a test may stop it and start it again."""

    config: LifecycleConfig
    port: int = field(default_factory=free_port)
    served: Served | None = None
    unit_of_work: UnitOfWorkFactory = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/lifecycle"

    def start(self) -> None:
        app = create_lifecycle(self.config)
        self.unit_of_work = app.state.services.unit_of_work
        self.served = Served(create_server(app, "127.0.0.1", self.port, ServerLimits(1)))

    def stop(self) -> None:
        if self.served is not None:
            self.served.stop()
            self.served = None

    def rows(self) -> list[dict[str, Any]]:
        with self.unit_of_work.reading() as uow:
            rows = uow.session.connection().exec_driver_sql("SELECT * FROM registry_asyncjobcall")
            return [dict(row) for row in rows.mappings()]


@dataclass
class Gateway:
    """A running gateway, and a client logged in to it."""

    served: Served
    client: httpx.Client

    def start_call(self, path: str = "/echo", method: str = "POST", **options: Any) -> str:
        answer = self.client.request(method, NEW + path, **options)
        assert answer.status_code == 201, answer.text
        assert answer.json()["status"] == "ongoing"
        return str(answer.json()["task_id"])

    def poll(self, task_id: str) -> httpx.Response:
        return self.client.get(f"/pub/async/task/{task_id}/poll", headers={"X-Racetrack-Auth": ""})

    def status(self, task_id: str) -> httpx.Response:
        return self.client.get(f"/pub/async/task/{task_id}/status")

    def metric(self, name: str) -> float:
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sqlite_template(tmp_path_factory.mktemp("template") / "template.sqlite3")


@pytest.fixture
def job() -> SlowJob:
    return SlowJob()


@pytest.fixture
def lifecycle(
    tmp_path: Path, sqlite_template: Path, job: SlowJob, serve: Callable[[ASGIApp], str]
) -> Iterator[RealLifecycle]:
    """A Lifecycle that knows the job adder 0.0.2."""
    path = tmp_path / "app.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    config = LifecycleConfig(
        development_mode=True,
        auth_key=SecretStr(AUTH_KEY),
        secret_key=SecretStr("another key for tests"),
        db_type="sqlite",
        db_path=path,
        **{
            f"{name}_dir": tmp_path / name
            for name in ("plugins", "images", "environments", "job_logs")
        },
    )
    lifecycle = RealLifecycle(config)
    lifecycle.start()
    address = serve(job).removeprefix("http://")
    with lifecycle.unit_of_work() as uow:
        uow.jobs.save(a_job("adder", "0.0.2", internal_name=address))
    yield lifecycle
    job.let_go.set()
    lifecycle.stop()


@pytest.fixture
def start_gateway(
    lifecycle: RealLifecycle, resources: ExitStack, job: SlowJob
) -> Callable[..., Gateway]:
    """Start a gateway with settings, quick ones by default."""

    def start(**settings: Any) -> Gateway:
        quick = {
            "async_task_retry_interval": 0.05,
            "async_look_seconds": 0.05,
            "async_lease_seconds": 1,
            "shutdown_grace_seconds": 1,
        }
        config = PubConfig(
            lifecycle_url=lifecycle.url,
            lifecycle_auth_token=SecretStr(internal_token("pub", AUTH_KEY, [AuthScope.CALL_JOB])),
            development_mode=True,
            **quick | settings,
        )
        stopping = asyncio.Event()
        gateway = create_gateway(config, stopping=stopping)
        server = create_server(
            gateway.app,
            "127.0.0.1",
            0,
            ServerLimits(
                5, ConnectionLimits(requests=None), make_connection=gateway.make_connection
            ),
            on_stop=stopping.set,
        )
        served = Served(server)
        resources.callback(served.stop)
        resources.callback(job.let_go.set)
        port = server.servers[0].sockets[0].getsockname()[1]
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"X-Racetrack-Auth": admin_token(AUTH_KEY)},
            trust_env=False,
            timeout=20,
        )
        return Gateway(served, resources.enter_context(client))

    return start


@pytest.fixture
def gateway(start_gateway: Callable[..., Gateway]) -> Gateway:
    return start_gateway()
