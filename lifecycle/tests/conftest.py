import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from lifecycle.app import create_app
from lifecycle.config import Config
from lifecycle.database.connections import connect
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.testing.databases import (
    empty_tables,
    make_sqlite_template,
    open_postgres_schema,
    open_sqlite_copy,
)
from pydantic import SecretStr
from racetrack_commons.auth.token import admin_token, internal_token
from racetrack_commons.testing.clock import FakeClock
from sqlalchemy import Engine, make_url

with warnings.catch_warnings():
    # Starlette would rather have httpx2, which nothing else here needs.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

AUTH_KEY = "a key for tests, long enough for HS256"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sqlite_template(tmp_path_factory.mktemp("template") / "template.sqlite3")


@pytest.fixture(scope="session")
def postgres_engine() -> Iterator[Engine]:
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        pytest.skip("TEST_DATABASE_URL is not set")
    with open_postgres_schema(url) as engine:
        yield engine


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated database without rows: SQLite always, PostgreSQL where there is one."""
    if request.param == "postgres":
        postgres: Engine = request.getfixturevalue("postgres_engine")
        empty_tables(postgres)
        yield postgres
    else:
        template = request.getfixturevalue("sqlite_template")
        with open_sqlite_copy(template, tmp_path / "db.sqlite3") as sqlite:
            yield sqlite


@pytest.fixture
def unit_of_work(engine: Engine) -> UnitOfWorkFactory:
    return UnitOfWorkFactory(engine)


@pytest.fixture
def uow(unit_of_work: UnitOfWorkFactory) -> Iterator[UnitOfWork]:
    with unit_of_work() as uow:
        yield uow


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def config(tmp_path: Path, sqlite_template: Path) -> Config:
    path = tmp_path / "app.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    return Config(
        development_mode=True,
        auth_key=SecretStr(AUTH_KEY),
        secret_key=SecretStr("another key for tests"),
        db_type="sqlite",
        db_path=path,
        plugins_dir=tmp_path / "plugins",
        images_dir=tmp_path / "images",
        environments_dir=tmp_path / "environments",
        job_logs_dir=tmp_path / "logs",
    )


@pytest.fixture
def postgres_config(config: Config) -> Iterator[Config]:
    """The settings of an installation on a PostgreSQL schema of its own, which is empty."""
    address = os.environ.get("TEST_DATABASE_URL")
    if not address:
        pytest.skip("TEST_DATABASE_URL is not set")
    url = make_url(address)
    config = config.model_copy(
        update={
            "db_type": "postgres",
            "postgres_host": url.host,
            "postgres_port": url.port,
            "postgres_user": url.username,
            "postgres_password": None,
            "postgres_db": url.database,
            "postgres_schema": f"app_{uuid4().hex}",
        }
    )
    yield config
    engine = connect(config)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {config.postgres_schema} CASCADE")
    engine.dispose()


@pytest.fixture
def client(config: Config) -> Iterator[TestClient]:
    """Lifecycle, as HTTP sees it; the requests carry no token."""
    with TestClient(create_app(config), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def app_uow(client: TestClient) -> UnitOfWorkFactory:
    """The database of `client`."""
    return client.app.state.services.unit_of_work


@pytest.fixture
def admin() -> dict[str, str]:
    return {"X-Racetrack-Auth": admin_token(AUTH_KEY)}


@pytest.fixture
def internal() -> dict[str, str]:
    return {"X-Racetrack-Auth": internal_token("e2e_test", AUTH_KEY)}
