"""Connections to SQLite and PostgreSQL, and the errors of the database in the words of callers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import SQLITE_FULL
from sqlite3 import Connection as SqliteConnection
from typing import Any

from racetrack_client.log.errors import AlreadyExists, DiskFull, ServiceUnavailable, ValidationError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from lifecycle.config import Config
from lifecycle.database.pool_metrics import MeasuredPool

BUSY_TIMEOUT_SECONDS = 30
"""The time that a writer waits for another; writers hold the lock for milliseconds."""
_POSTGRES_DISK_FULL = "53100"
_BEGIN_OPTION = "sqlite_begin"


def connect(config: Config) -> Engine:
    """Return an engine for the configured database; it connects at the first query."""
    if config.db_type == "sqlite":
        return connect_sqlite(config.db_path, log_queries=config.database_log_queries)
    return _connect_postgres(config)


def connect_sqlite(
    path: Path, *, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS, log_queries: bool = False
) -> Engine:
    """Return an engine for a SQLite file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_timeout_seconds},
        poolclass=MeasuredPool,
        pool_size=20,
        max_overflow=80,
        pool_use_lifo=True,
        echo=log_queries,
        hide_parameters=True,  # logged errors would show hashes and tokens
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def connect_postgres(url: str | URL, *, schema: str | None = None, **options: Any) -> Engine:
    """Return an engine for a PostgreSQL database."""
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
    """Return an engine for transactions that only read: on SQLite they do not wait for writers."""
    return engine.execution_options(**{_BEGIN_OPTION: "BEGIN"})


def postgres_schema(config: Config) -> str | None:
    """Return the name of the schema with the cluster's placeholders filled in; None on SQLite."""
    schema = config.postgres_schema if config.db_type == "postgres" else None
    for placeholder in ("{CLUSTER_NAME}", "{CLUSTER_FQDN}"):
        schema = schema.replace(placeholder, config.cluster_name) if schema else None
    return schema


class DatabaseUnavailable(ServiceUnavailable):
    """The database does not answer."""


class DatabaseFull(DatabaseUnavailable, DiskFull):
    """The database has no space left to write; it can still be read."""


class UnfitValue(ValidationError):
    """A value is too long for its column, or of the wrong type."""


class ConflictingRow(AlreadyExists):
    """A new or changed row violates a constraint of the database."""


@contextmanager
def translate_error() -> Iterator[None]:
    """Turn errors of SQLAlchemy into errors that callers of the API understand."""
    try:
        yield
    except IntegrityError as e:
        raise ConflictingRow(f"this contradicts what is stored: {_first_line(e)}") from e
    except DataError as e:
        raise UnfitValue(f"a value can't be stored: {_first_line(e)}") from e
    except (OperationalError, InterfaceError) as e:
        if _is_disk_full(e):
            raise DatabaseFull(
                "the disk of the database is full: free some space there, and everything goes on by itself"
            ) from e
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
    # The driver must not begin transactions by itself: `_begin_sqlite` begins them.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    # A commit survives a crash of the process; a power failure may undo the newest commits.
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails with "database is locked" when another
    # one wrote in between; a transaction that takes the write lock at once waits for its turn.
    begin = connection.get_execution_options().get(_BEGIN_OPTION, "BEGIN IMMEDIATE")
    connection.exec_driver_sql(begin)


def _set_schema(connection: Any, schema: str) -> None:
    autocommit, connection.autocommit = connection.autocommit, True
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('search_path', %s, false)", [f'"{schema}"'])
    connection.autocommit = autocommit


def _is_disk_full(error: DBAPIError) -> bool:
    primary_code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    return primary_code == SQLITE_FULL or getattr(error.orig, "pgcode", None) == _POSTGRES_DISK_FULL


def _first_line(error: DBAPIError) -> str:
    # Only the driver's first line: the rest may quote values of the statement.
    return str(error.orig).strip().split("\n", maxsplit=1)[0]
