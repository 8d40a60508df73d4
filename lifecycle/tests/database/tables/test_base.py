from datetime import UTC, datetime, timedelta, timezone

import pytest
from lifecycle.database.tables.auth import UserRow
from lifecycle.database.tables.installation import SettingRow
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from racetrack_commons.testing.builders import a_job
from sqlalchemy.exc import StatementError


def test_times_come_back_aware_and_in_utc(uow: UnitOfWork):
    moment = datetime(2026, 1, 31, 14, 30, 5, 123456, tzinfo=timezone(timedelta(hours=2)))
    uow.session.add(UserRow(username="anna", password="hash", date_joined=moment))
    uow.session.flush()
    uow.session.expire_all()
    joined = uow.session.query(UserRow).one().date_joined
    assert joined == moment
    assert joined.tzinfo is UTC or joined.utcoffset() == timedelta(0)


def test_times_without_zone_are_refused(unit_of_work: UnitOfWorkFactory):
    naive = datetime(2026, 1, 31)  # noqa: DTZ001
    with pytest.raises(StatementError, match="no time zone"), unit_of_work() as uow:
        uow.users.add("anna", "hash", naive)


def test_lists_of_names_come_back_as_lists(uow: UnitOfWork):
    for names in (["a:1", "b:2"], []):
        uow.jobs.save(a_job(replica_internal_names=names))
        uow.session.expire_all()
        assert uow.jobs.get("adder", "0.0.1").replica_internal_names == names


def test_an_absent_json_value_is_null_for_the_database(uow: UnitOfWork):
    uow.settings.set("maintenance_mode", None)
    uow.session.flush()
    query = "SELECT count(*) FROM registry_setting WHERE value IS NULL"
    assert uow.session.connection().exec_driver_sql(query).scalar() == 1
    uow.settings.set("maintenance_mode", True)
    uow.session.flush()
    uow.session.expire_all()
    assert uow.session.get(SettingRow, "maintenance_mode").value is True
