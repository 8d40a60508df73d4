"""What a write tells other services, whoever writes it."""

import contextlib
from collections.abc import Callable

import pytest
from lifecycle.database.tables.auth import (
    AuthSubjectRow,
    AuthTokenRow,
    EscRow,
    PermissionRow,
    UserRow,
)
from lifecycle.database.tables.installation import SettingRow
from lifecycle.database.tables.job import JobFamilyRow, PublicEndpointRow
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.domain.auth import TokenText
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import ChangeKind
from racetrack_commons.testing.builders import a_job
from sqlalchemy import select, update

Change = Callable[[UnitOfWork], object]

TOKEN = TokenText(text="token")


@pytest.fixture
def written(unit_of_work: UnitOfWorkFactory, clock) -> None:
    """One row of everything."""
    with unit_of_work() as uow:
        job = uow.jobs.save(a_job())
        user = uow.users.add("anna", "hash", clock.now())
        subject = uow.auth_subjects.get_or_add_of_user(user.id)
        uow.auth_subjects.get_or_add_of_esc(uow.escs.add("shop", "esc-1").id)
        uow.auth_tokens.add(subject.id, TOKEN)
        uow.permissions.grant(subject.id, AuthScope.READ_JOB)
        uow.public_endpoints.request(job.id, ["/open"])
        uow.settings.set("maintenance_mode", None)


def make_change(row_type: type, **values: object) -> Change:
    def change(uow: UnitOfWork) -> None:
        row = uow.session.scalars(select(row_type)).first()
        for name, value in values.items():
            setattr(row, name, value)

    return change


def remove(row_type: type) -> Change:
    return lambda uow: uow.session.delete(uow.session.scalars(select(row_type)).first())


def point_to_a_family(uow: UnitOfWork) -> None:
    permission = uow.session.scalars(select(PermissionRow)).one()
    permission.job_family = uow.session.scalars(select(JobFamilyRow)).one()


def test_writing_it_told_only_of_the_permission_and_the_setting(written, unit_of_work):
    with unit_of_work.reading() as uow:
        kinds = [change.kind for change in uow.changes.list_after(0)]
    assert kinds == [ChangeKind.AUTH, ChangeKind.MAINTENANCE]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (make_change(UserRow, is_active=True), [ChangeKind.AUTH]),
        (make_change(UserRow, username="anna@example.com"), [ChangeKind.AUTH]),
        (make_change(UserRow, email="anna@example.com", password="other"), []),
        (remove(UserRow), [ChangeKind.AUTH]),
        (make_change(EscRow, name="other"), [ChangeKind.AUTH]),
        (remove(EscRow), [ChangeKind.AUTH]),
        (remove(AuthSubjectRow), [ChangeKind.AUTH]),
        (make_change(AuthTokenRow, active=False), [ChangeKind.AUTH]),
        (make_change(AuthTokenRow, token="another"), [ChangeKind.AUTH]),
        (make_change(AuthTokenRow, token=TOKEN.digest), []),
        (remove(AuthTokenRow), [ChangeKind.AUTH]),
        (make_change(PermissionRow, scope="call_job"), [ChangeKind.AUTH]),
        (point_to_a_family, [ChangeKind.AUTH]),
        (remove(PermissionRow), [ChangeKind.AUTH]),
        (make_change(PublicEndpointRow, active=True), [ChangeKind.AUTH]),
        (remove(PublicEndpointRow), [ChangeKind.AUTH]),
        (make_change(JobFamilyRow, name="other"), [ChangeKind.AUTH]),
        (remove(JobFamilyRow), [ChangeKind.AUTH]),
        (make_change(SettingRow, value=True), [ChangeKind.MAINTENANCE]),
        (remove(SettingRow), [ChangeKind.MAINTENANCE]),
        (
            lambda uow: uow.session.execute(update(AuthTokenRow).values(active=False)),
            [ChangeKind.AUTH],
        ),
    ],
)
def test_each_way_to_change_who_may_what_is_told(
    written, unit_of_work: UnitOfWorkFactory, change: Change, expected
):
    with unit_of_work() as uow:
        before = uow.changes.get_newest_id()
        change(uow)
    with unit_of_work.reading() as uow:
        assert [change.kind for change in uow.changes.list_after(before)] == expected


def test_noting_the_use_of_a_token_or_a_log_in_tells_nothing(written, unit_of_work, clock):
    with unit_of_work() as uow:
        before = uow.changes.get_newest_id()
        uow.users.note_login("anna", clock.now())
        uow.auth_tokens.note_use(uow.auth_tokens.find("token").id, clock.now())
    with unit_of_work.reading() as uow:
        assert uow.changes.list_after(before) == []


def test_a_new_job_tells_nothing_of_permissions(written, unit_of_work: UnitOfWorkFactory):
    with unit_of_work() as uow:
        before = uow.changes.get_newest_id()
        uow.jobs.save(a_job("another"))
    with unit_of_work.reading() as uow:
        assert uow.changes.list_after(before) == []


def test_what_is_rolled_back_is_not_told(written, unit_of_work: UnitOfWorkFactory):
    with unit_of_work.reading() as uow:
        before = uow.changes.get_newest_id()
    with contextlib.suppress(RuntimeError), unit_of_work() as uow:
        make_change(UserRow, is_active=True)(uow)
        raise RuntimeError
    with unit_of_work.reading() as uow:
        assert uow.changes.list_after(before) == []
