"""Connections to SQLite and PostgreSQL, and the errors of the database in the words of callers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from racetrack_client.log.errors import AlreadyExists, ServiceUnavailable, ValidationError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from lifecycle.config import Config
from lifecycle.database.pool_metrics import MeasuredPool

BUSY_TIMEOUT_SECONDS = 30
"""How long a writer waits for another one; they hold the lock for milliseconds."""
_BEGIN_OPTION = "sqlite_begin"


def connect(config: Config) -> Engine:
    """Make the engine of the database that the settings name; it connects at the first query."""
    if config.db_type == "sqlite":
        return connect_sqlite(config.db_path, log_queries=config.database_log_queries)
    return _connect_postgres(config)


def connect_sqlite(
    path: Path, *, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS, log_queries: bool = False
) -> Engine:
    """Make the engine of a SQLite file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_timeout_seconds},
        poolclass=MeasuredPool,
        pool_size=20,
        max_overflow=80,
        pool_use_lifo=True,
        echo=log_queries,
        hide_parameters=True,  # logs of faults would show hashes and tokens
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def connect_postgres(url: str | URL, *, schema: str | None = None, **options: Any) -> Engine:
    """Make the engine of a PostgreSQL database."""
    engine = create_engine(
        make_url(url),
        poolclass=MeasuredPool,
        pool_pre_ping=True,
        pool_recycle=600,
        pool_use_lifo=True,
        hide_parameters=True,
        **options,
    )
    if schema:
        event.listen(engine, "connect", lambda connection, _: _set_schema(connection, schema))
    return engine


def for_reading(engine: Engine) -> Engine:
    """Return the engine for transactions that only read: on SQLite they wait for no writer."""
    return engine.execution_options(**{_BEGIN_OPTION: "BEGIN"})


def postgres_schema(config: Config) -> str | None:
    """Return the name of the schema, placeholders of the cluster filled in; None on SQLite."""
    schema = config.postgres_schema if config.db_type == "postgres" else None
    for placeholder in ("{CLUSTER_NAME}", "{CLUSTER_FQDN}"):
        schema = schema.replace(placeholder, config.cluster_name) if schema else None
    return schema


class DatabaseUnavailable(ServiceUnavailable):
    """The database does not answer."""


class UnfitValue(ValidationError):
    """A value is too long for its column, or of another kind."""


class ConflictingRow(AlreadyExists):
    """What was to be stored contradicts what is stored."""


@contextmanager
def translate_error() -> Iterator[None]:
    """Turn the errors of SQLAlchemy that a caller can understand into such."""
    try:
        yield
    except IntegrityError as e:
        raise ConflictingRow(f"this contradicts what is stored: {_first_line(e)}") from e
    except DataError as e:
        raise UnfitValue(f"a value can't be stored: {_first_line(e)}") from e
    except (OperationalError, InterfaceError) as e:
        raise DatabaseUnavailable(
            f"the database can't do this now, try again later: {_first_line(e)}"
        ) from e
    except PoolTimeoutError as e:
        raise DatabaseUnavailable(
            "all connections to the database are busy, try again later"
        ) from e


def _connect_postgres(config: Config) -> Engine:
    password = config.postgres_password
    url = URL.create(
        "postgresql+psycopg2",
        username=config.postgres_user,
        password=password.get_secret_value() if password else None,
        host=config.postgres_host,
        port=config.postgres_port,
        database=config.postgres_db.replace("{CLUSTER_NAME}", config.cluster_name),
    )
    tls = {"sslmode": config.postgres_sslmode, "sslrootcert": config.postgres_sslrootcert}
    return connect_postgres(
        url,
        schema=postgres_schema(config),
        connect_args={"connect_timeout": 5, **{key: tls[key] for key in tls if tls[key]}},
        pool_size=config.database_connection_pool,
        max_overflow=0,
        pool_timeout=5,
        echo=config.database_log_queries,
    )


def _prepare_sqlite(connection: SqliteConnection, _record: object) -> None:
    # The driver must not begin transactions by itself: `_begin_sqlite` says how they begin.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    # A commit survives the death of the process; a loss of power may take back the newest ones.
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails with "database is locked" when another
    # one wrote in between; one that takes the write lock at once waits its turn.
    begin = connection.get_execution_options().get(_BEGIN_OPTION, "BEGIN IMMEDIATE")
    connection.exec_driver_sql(begin)


def _set_schema(connection: Any, schema: str) -> None:
    autocommit, connection.autocommit = connection.autocommit, True
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('search_path', %s, false)", [f'"{schema}"'])
    connection.autocommit = autocommit


def _first_line(error: DBAPIError) -> str:
    # Only the driver's first line: the rest may quote values of the statement.
    return str(error.orig).strip().split("\n", maxsplit=1)[0]
