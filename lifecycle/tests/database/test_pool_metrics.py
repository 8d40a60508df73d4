import threading

import pytest
from lifecycle.database.connections import DatabaseUnavailable, connect_postgres, connect_sqlite
from lifecycle.database.pool_metrics import watch_engine
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from prometheus_client import CollectorRegistry
from racetrack_commons.testing.serving import wait_until


@pytest.fixture
def registry():
    return CollectorRegistry()


def read(registry, name):
    return registry.get_sample_value(f"lifecycle_database_{name}")


def test_connections_and_statements_are_counted(engine, registry):
    engine.dispose()
    watch_engine(engine, registry)
    factory = UnitOfWorkFactory(engine)

    with factory() as uow:
        uow.check_connection()
        assert (read(registry, "pool_size"), read(registry, "pool_available")) == (1, 0)
    with factory.reading() as uow:
        uow.check_connection()

    assert read(registry, "connection_opened_total") == read(registry, "connections_num") == 1
    assert read(registry, "connections_ms") > 0
    assert read(registry, "connection_closed_total") == read(registry, "requests_num") == 2
    assert read(registry, "queries_executed_total") >= 2
    assert read(registry, "usage_ms") > 0
    assert (read(registry, "pool_size"), read(registry, "pool_available")) == (1, 1)
    assert read(registry, "requests_errors") == read(registry, "requests_waiting") == 0
    assert read(registry, "connection_failed_total") == 0


def test_failures_to_connect_are_counted(registry):
    engine = connect_postgres("postgresql+psycopg2://nobody@127.0.0.1:1/none")
    watch_engine(engine, registry)

    with pytest.raises(DatabaseUnavailable), UnitOfWorkFactory(engine).reading() as uow:
        uow.check_connection()

    assert read(registry, "connection_failed_total") == read(registry, "connections_errors") == 1
    assert read(registry, "requests_errors") == 1


def test_threads_that_wait_for_a_connection_are_seen(tmp_path, registry):
    engine = connect_sqlite(tmp_path / "db.sqlite3")
    watch_engine(engine, registry)
    connections = [engine.connect() for _ in range(100)]
    waiter = threading.Thread(target=lambda: engine.connect().close())
    waiter.start()
    wait_until(lambda: read(registry, "requests_waiting") == 1)

    for connection in connections:
        connection.close()
    waiter.join()

    assert read(registry, "requests_queued") >= 1
    assert read(registry, "requests_wait_ms") > 0
    assert read(registry, "requests_waiting") == 0
    engine.dispose()
