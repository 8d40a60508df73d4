"""A Lifecycle with one of every kind of caller."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from lifecycle.app import create_app
from lifecycle.config import Config
from lifecycle.database.tables.auth import (
    AuthSubjectRow,
    AuthTokenRow,
    EscRow,
    PermissionRow,
    UserRow,
)
from lifecycle.database.tables.deployment import DeploymentRow, DeploymentTaskRow
from lifecycle.domain.auth import TokenText
from lifecycle.domain.deployment import TaskKind, TaskStep
from lifecycle.domain.instance import JobProcess, ProcessState
from lifecycle.testing.databases import Snapshot, empty_tables
from lifecycle.testing.instances import an_instance
from pydantic import SecretStr
from racetrack_client.entities import AuthScope
from racetrack_commons.auth.token import (
    AuthSubjectType,
    AuthTokenPayload,
    admin_token,
    encode_token,
)
from racetrack_commons.entities.dto import DeploymentStatus
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import ask_status
from sqlalchemy import Engine

AUTH_KEY = "a key for tests, long enough for HS256"
AUTH_HEADER = "X-Racetrack-Auth"


@dataclass(frozen=True)
class Caller:
    """A kind of caller; `where` limits the granted permission."""

    kind: str = "user"
    scopes: tuple[str, ...] = ()
    where: str = "everything"
    flags: frozenset[str] = frozenset()
    """`active staff superuser`, of users; `expired revoked`, of tokens."""


ACTIVE = frozenset({"active"})
REGISTERED = tuple(Config().registered_user_scopes)
FULL = ("full_access",)
CALLERS = {
    "nobody: no token": Caller("nobody"),
    "nobody: garbage": Caller("garbage"),
    "nobody: token signed with another key": Caller("forged"),
    "nobody: token that is not stored": Caller("unknown"),
    "nobody: only a cookie": Caller("cookie"),
    "admin with an expired token": Caller(
        scopes=FULL, flags=frozenset(["active", "staff", "superuser", "expired"])
    ),
    "admin with a revoked token": Caller(
        scopes=FULL, flags=frozenset(["active", "staff", "superuser", "revoked"])
    ),
    "admin who is not active": Caller(scopes=FULL, flags=frozenset(["staff", "superuser"])),
    "admin": Caller(scopes=FULL, flags=frozenset(["active", "staff", "superuser"])),
    "user without permissions": Caller(flags=ACTIVE),
    "user as registered": Caller(scopes=REGISTERED, flags=ACTIVE),
    "user who is staff": Caller(flags=ACTIVE | {"staff"}),
    "user who is superuser": Caller(flags=ACTIVE | {"superuser"}),
    **{
        f"user: {scope} on {where}": Caller(scopes=(scope,), where=where, flags=ACTIVE)
        for scope in AuthScope
        for where in ("everything", "family adder", "job adder 0.0.1")
    },
    "user: full_access on job other 0.0.1": Caller(
        scopes=FULL, where="job other 0.0.1", flags=ACTIVE
    ),
    "user: full_access on family other": Caller(scopes=FULL, where="family other", flags=ACTIVE),
    "user: full_access on endpoint perform": Caller(
        scopes=FULL, where="endpoint perform", flags=ACTIVE
    ),
    "user: full_access on another endpoint": Caller(
        scopes=FULL, where="another endpoint", flags=ACTIVE
    ),
    "ESC without permissions": Caller("esc"),
    "ESC: call_job on family adder": Caller("esc", ("call_job",), "family adder"),
    "ESC: full_access on everything": Caller("esc", FULL),
    "job family without permissions": Caller("job_family"),
    "job family: call_job on family adder": Caller("job_family", ("call_job",), "family adder"),
    "service": Caller("internal", FULL),
    "service whose token names no scopes": Caller("internal"),
    "service limited to call_job": Caller("internal", ("call_job",)),
    "service limited to call_admin_api": Caller("internal", ("call_admin_api",)),
    "service limited to read, deploy and delete": Caller(
        "internal", ("read_job", "deploy_job", "delete_job")
    ),
}


@dataclass(frozen=True)
class Lifecycle:
    """An app that serves without a server; its background work does not run."""

    app: FastAPI
    runner: asyncio.Runner

    @property
    def services(self) -> Any:
        return self.app.state.services

    def ask(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> int:
        answer = ask_status(self.app, method, target, headers, body)
        return self.runner.run(asyncio.wait_for(answer, 20))


@dataclass(frozen=True)
class World:
    """The rows in the database when a caller sends a request."""

    headers: dict[str, dict[str, str]]
    """The auth header of each kind of caller."""
    snapshot: Snapshot


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def lifecycle(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[Lifecycle]:
    """One Lifecycle for all tests of a module, on SQLite and on PostgreSQL."""
    folder = tmp_path_factory.mktemp("access")
    if request.param == "postgres":
        engine: Engine = request.getfixturevalue("postgres_engine")
        empty_tables(engine)
        database = _postgres_settings(engine)
    else:
        database = {"db_type": "sqlite", "db_path": folder / "db.sqlite3"}
        (folder / "db.sqlite3").write_bytes(sqlite_template.read_bytes())
    app = create_app(
        Config(
            development_mode=True,
            auth_key=SecretStr(AUTH_KEY),
            secret_key=SecretStr("another key for tests"),
            plugins_dir=folder / "plugins",
            images_dir=folder / "images",
            environments_dir=folder / "environments",
            job_logs_dir=folder / "logs",
            registrations_per_address=1000,
            **database,
        )
    )
    # These tests come without a token thousands of times.
    app.state.services.threads.strangers.per_second = 10_000
    with asyncio.Runner() as runner:
        yield Lifecycle(app, runner)
    app.state.services.unit_of_work.engine.dispose()


@pytest.fixture(scope="module")
def open_lifecycle(lifecycle: Lifecycle) -> Iterator[Lifecycle]:
    """Another Lifecycle on the same database, which demands no tokens."""
    config = lifecycle.services.config.model_copy(update={"auth_required": False})
    app = create_app(config)
    yield Lifecycle(app, lifecycle.runner)
    app.state.services.unit_of_work.engine.dispose()


def _postgres_settings(engine: Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        schema = connection.exec_driver_sql("SELECT current_schema()").scalar()
    return {
        "db_type": "postgres",
        "postgres_host": engine.url.host,
        "postgres_port": engine.url.port,
        "postgres_user": engine.url.username,
        "postgres_password": SecretStr(engine.url.password or ""),
        "postgres_db": engine.url.database,
        "postgres_schema": schema,
    }


@pytest.fixture(scope="module")
def world(lifecycle: Lifecycle, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two jobs, one with a log, an ESC, a deployment of adder 0.0.1 at work, and the callers."""
    with lifecycle.services.unit_of_work() as uow:
        job = uow.jobs.save(a_job("adder", "0.0.1"))
        uow.jobs.save(a_job("other", "0.0.1"))
        uow.escs.add("shop", "esc-1")
        uow.users.add("somebody", "hash", datetime.now(UTC))
        add_deployment(uow, job)
        add_process(uow, job, tmp_path_factory.mktemp("logs") / "adder.log")
        headers = {
            name: make_headers(uow, caller, f"caller-{number}")
            for number, (name, caller) in enumerate(CALLERS.items())
        }
    return World(headers, Snapshot(lifecycle.services.unit_of_work.engine))


def add_deployment(uow, job) -> None:
    """Put a deployment of the job in progress: others of the job are refused, and no request waits."""
    now = datetime.now(UTC)
    deployment = DeploymentRow(
        id="deployment-1",
        status=DeploymentStatus.IN_PROGRESS,
        create_time=now,
        update_time=now,
        manifest=job.manifest_yaml,
        job_name=job.name,
        job_version=job.version,
        deployed_by="somebody",
    )
    uow.session.add(deployment)
    uow.session.flush()
    task = DeploymentTaskRow(
        deployment_id=deployment.id,
        kind=TaskKind.DEPLOY,
        step=TaskStep.PROVISION,
        image_kind="process",
        created_at=now,
    )
    uow.session.add(task)


def add_process(uow, job, log: Path) -> None:
    """Write a log, as a process of the job would."""
    log.write_text("hello\n")
    now = datetime.now(UTC)
    uow.instances.save(an_instance(job.name, job.version, id="instance-1"))
    process = JobProcess(
        id="process-1",
        instance_id="instance-1",
        job_name=job.name,
        job_version=job.version,
        replica=0,
        port=7000,
        state=ProcessState.STOPPING,
        launch=b"",
        log_path=str(log),
        create_time=now,
    )
    uow.processes.add(process)


def make_headers(uow, caller: Caller, name: str) -> dict[str, str]:
    match caller.kind:
        case "nobody":
            return {}
        case "garbage":
            return {AUTH_HEADER: "garbage"}
        case "forged":
            return {AUTH_HEADER: admin_token("another key, long enough for HS256 too")}
        case "unknown":
            payload = AuthTokenPayload(subject="admin", subject_type=AuthSubjectType.USER)
            return {AUTH_HEADER: encode_token(payload, AUTH_KEY)}
        case "cookie":
            return {"Cookie": f"{AUTH_HEADER}={admin_token(AUTH_KEY)}"}
        case "internal":
            payload = AuthTokenPayload(
                subject="test", subject_type=AuthSubjectType.INTERNAL, scopes=list(caller.scopes)
            )
            return {AUTH_HEADER: encode_token(payload, AUTH_KEY)}
        case _:
            return {AUTH_HEADER: add_holder(uow, caller, name)}


def add_holder(uow, caller: Caller, name: str) -> str:
    subject = AuthSubjectRow(**make_holder(uow, caller, name))
    uow.session.add(subject)
    uow.session.flush()
    for scope in caller.scopes:
        limits = find_limits(uow, caller.where)
        uow.session.add(PermissionRow(auth_subject_id=subject.id, scope=scope, **limits))
    payload = AuthTokenPayload(subject=name, subject_type=AuthSubjectType(caller.kind))
    token = encode_token(payload, AUTH_KEY)
    hour = timedelta(hours=-1 if "expired" in caller.flags else 1)
    row = AuthTokenRow(
        auth_subject_id=subject.id,
        token=TokenText(text=token).digest,
        active="revoked" not in caller.flags,
        expiry_time=datetime.now(UTC) + hour,
    )
    uow.session.add(row)
    uow.session.flush()
    return token


def make_holder(uow, caller: Caller, name: str) -> dict[str, Any]:
    if caller.kind == "job_family":
        return {"job_family_id": uow.families.get_or_add(name).id}
    if caller.kind == "esc":
        row = EscRow(name=name)
        uow.session.add(row)
        uow.session.flush()
        return {"esc_id": row.id}
    user = UserRow(
        username=name,
        password="hash",
        date_joined=datetime.now(UTC),
        is_active="active" in caller.flags,
        is_staff="staff" in caller.flags,
        is_superuser="superuser" in caller.flags,
    )
    uow.session.add(user)
    uow.session.flush()
    return {"user_id": user.id}


def find_limits(uow, where: str) -> dict[str, Any]:
    match where.split():
        case ["everything"]:
            return {}
        case ["family", name]:
            return {"job_family_id": uow.families.get(name).id}
        case ["job", name, version]:
            return {"job_id": uow.jobs.get(name, version).id}
        case ["endpoint", "perform"]:
            return {"endpoint": "/api/v1/perform"}
    return {"endpoint": "/api/v1/other"}
