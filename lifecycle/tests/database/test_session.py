"""What a write tells other services, whoever writes it."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from lifecycle.audit import AuditEvent, write_event
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
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import GATEWAY_KINDS, ChangeKind, DeploymentStatus
from racetrack_commons.testing.builders import a_deployment, a_job
from sqlalchemy import select, update

Change = Callable[[UnitOfWork], object]

TOKEN = TokenText(text="token")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
A_DAY = timedelta(days=1)


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


def list_told(uow: UnitOfWork, after: int = 0) -> list[ChangeKind]:
    """List the kinds of changes that gateways are told."""
    return [each.kind for each in uow.changes.list_after(after) if each.kind in GATEWAY_KINDS]


def list_shown(uow: UnitOfWork, after: int) -> list[ChangeKind]:
    """List the kinds of changes that only pages are told."""
    return [each.kind for each in uow.changes.list_after(after) if each.kind not in GATEWAY_KINDS]


def remove(row_type: type) -> Change:
    return lambda uow: uow.session.delete(uow.session.scalars(select(row_type)).first())


def point_to_a_family(uow: UnitOfWork) -> None:
    permission = uow.session.scalars(select(PermissionRow)).one()
    permission.job_family = uow.session.scalars(select(JobFamilyRow)).one()


def test_writing_it_told_only_of_the_setting(written, unit_of_work):
    with unit_of_work.reading() as uow:
        assert list_told(uow) == [ChangeKind.MAINTENANCE]


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
        assert list_told(uow, before) == expected


def deploy(uow: UnitOfWork) -> None:
    uow.deployments.add(a_deployment("one"), NOW)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda uow: uow.users.add("ben", "hash", NOW), [ChangeKind.USER]),
        (make_change(UserRow, is_staff=True), [ChangeKind.USER]),
        (remove(UserRow), [ChangeKind.USER]),
        (lambda uow: uow.escs.add("bank", None), [ChangeKind.ESC]),
        (make_change(EscRow, name="other"), [ChangeKind.ESC]),
        (make_change(AuthTokenRow, active=False), [ChangeKind.TOKEN]),
        (remove(PermissionRow), [ChangeKind.PERMISSION]),
        (make_change(PublicEndpointRow, active=True), [ChangeKind.PUBLIC_ENDPOINT]),
        (
            lambda uow: write_event(uow, AuditEvent(AuditEventType.JOB_MOVED, "anna"), NOW),
            [ChangeKind.AUDIT],
        ),
        (deploy, [ChangeKind.DEPLOYMENT]),
        (lambda uow: uow.deployments.set_phase("old", "building", NOW), [ChangeKind.DEPLOYMENT]),
        (
            lambda uow: uow.deployments.fail_interrupted(NOW + A_DAY, "gone", NOW),
            [ChangeKind.DEPLOYMENT],
        ),
        (lambda uow: uow.deployments.append_build_logs("old", "a line"), []),
        (lambda uow: uow.deployments.lock_job("adder", "0.0.2"), []),
        (lambda uow: uow.audit.remove_before(NOW - A_DAY), []),
    ],
)
def test_each_change_that_pages_show_is_told_to_them(
    written, unit_of_work: UnitOfWorkFactory, change: Change, expected
):
    with unit_of_work() as uow:
        uow.deployments.add(a_deployment("old", status=DeploymentStatus.IN_PROGRESS), NOW)
    with unit_of_work() as uow:
        before = uow.changes.get_newest_id()
        change(uow)
    with unit_of_work.reading() as uow:
        assert list_shown(uow, before) == expected


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


def test_permissions_of_a_new_user_tell_gateways_nothing_and_later_ones_do(
    unit_of_work: UnitOfWorkFactory, clock
):
    with unit_of_work() as uow:
        before = uow.changes.get_newest_id()
        user = uow.users.add("bob", "hash", clock.now())
        bob = uow.auth_subjects.get_or_add_of_user(user.id)
        uow.permissions.grant(bob.id, AuthScope.READ_JOB)
    with unit_of_work() as uow:
        assert list_told(uow, before) == []
        uow.permissions.grant(bob.id, AuthScope.CALL_JOB)
    with unit_of_work.reading() as uow:
        assert list_told(uow, before) == [ChangeKind.AUTH]


def test_what_is_rolled_back_is_not_told(written, unit_of_work: UnitOfWorkFactory):
    with unit_of_work.reading() as uow:
        before = uow.changes.get_newest_id()
    with contextlib.suppress(RuntimeError), unit_of_work() as uow:
        make_change(UserRow, is_active=True)(uow)
        raise RuntimeError
    with unit_of_work.reading() as uow:
        assert uow.changes.list_after(before) == []
