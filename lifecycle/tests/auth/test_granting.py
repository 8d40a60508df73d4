import pytest
from lifecycle.audit import describe_event
from lifecycle.auth.authenticate import AuthSubject, make_subject
from lifecycle.auth.granting import Grant, grant, revoke
from lifecycle.auth.holders import get_holder
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.audit import AuditFilter
from lifecycle.domain.auth import AuthSubjectDto
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import EntityNotFound, UnauthorizedError, ValidationError
from racetrack_commons.auth.token import AuthSubjectType, AuthTokenPayload
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.testing.builders import a_job

CALL, FULL, ADMIN = AuthScope.CALL_JOB, AuthScope.FULL_ACCESS, AuthScope.CALL_ADMIN_API


@pytest.fixture
def shop(uow: UnitOfWork) -> AuthSubjectDto:
    """An ESC that holds nothing yet."""
    uow.jobs.save(a_job("adder", "0.0.1"))
    uow.escs.add("shop", "esc-1")
    return get_holder(uow, "shop")


@pytest.fixture
def master(uow: UnitOfWork) -> AuthSubject:
    payload = AuthTokenPayload(subject="e2e", subject_type=AuthSubjectType.INTERNAL)
    return AuthSubject(AuthSubjectType.INTERNAL, "e2e", payload=payload)


@pytest.fixture
def helper(uow: UnitOfWork, clock) -> AuthSubject:
    """A user who may call the admin API, and nothing else."""
    user = uow.users.add("helper@example.com", "hash", clock.now())
    row = uow.auth_subjects.get_or_add_of_user(user.id)
    uow.permissions.grant(row.id, ADMIN)
    return make_subject(row)


def sentences(uow: UnitOfWork) -> list[str]:
    uow.session.flush()
    return [describe_event(event) for event in uow.audit.list_newest(AuditFilter())]


@pytest.mark.parametrize(
    ("wanted", "described"),
    [
        (Grant(CALL), "call_job on everything"),
        (Grant(CALL, "adder"), "call_job on job family adder"),
        (Grant(CALL, "adder", "0.0.1"), "call_job on job adder 0.0.1"),
        (
            Grant(CALL, "adder", endpoint="api/v1/perform/"),
            "call_job on job family adder, endpoint /api/v1/perform",
        ),
        (Grant(FULL, endpoint="/x"), "full_access on endpoint /x"),
    ],
)
def test_a_grant_is_stored_and_audited(uow: UnitOfWork, shop, master, clock, wanted, described):
    permission = grant(uow, shop, wanted, master, clock.now())

    held = uow.permissions.list_of_subject(get_holder(uow, "shop").id)
    assert held == [permission]
    assert sentences(uow) == [f"e2e granted ESC shop {described}"]


def test_granting_twice_makes_one_permission_and_one_event(uow, shop, master, clock):
    first = grant(uow, shop, Grant(CALL, "adder"), master, clock.now())
    again = grant(uow, get_holder(uow, "shop"), Grant(CALL, "adder"), master, clock.now())
    assert first == again
    assert len(sentences(uow)) == 1


def test_a_permission_that_is_taken_back_is_gone_and_audited(uow, shop, master, clock):
    permission = grant(uow, shop, Grant(CALL, "adder"), master, clock.now())
    clock.advance(1)
    revoke(uow, permission.id, master, clock.now())
    assert uow.permissions.list_of_subject(permission.auth_subject_id) == []
    assert sentences(uow)[0] == "e2e took call_job on job family adder from ESC shop"
    with pytest.raises(EntityNotFound):
        revoke(uow, permission.id, master, clock.now())


@pytest.mark.parametrize(
    ("wanted", "error", "hint"),
    [
        (Grant(CALL, "gone"), EntityNotFound, "no job family gone"),
        (Grant(CALL, "adder", "9.9.9"), EntityNotFound, r"adder 9\.9\.9"),
        (Grant(CALL, "adder", "latest"), EntityNotFound, "exact version"),
        (Grant(CALL, None, "0.0.1"), ValidationError, "name the job"),
        (Grant(CALL, endpoint=""), ValidationError, "none for all"),
        (Grant(CALL, endpoint="/\0"), ValidationError, "none for all"),
        (Grant(CALL, endpoint="/a/../b"), ValidationError, "no endpoint"),
        (Grant(CALL, endpoint="/" + "a" * 300), ValidationError, "256"),
        (Grant(ADMIN, "adder"), ValidationError, "about no job"),
        (Grant(AuthScope.DELETE_JOB, endpoint="/x"), ValidationError, "only calls"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(
    uow: UnitOfWork, shop, master, clock, wanted, error, hint
):
    with pytest.raises(error, match=hint):
        grant(uow, shop, wanted, master, clock.now())


@pytest.mark.parametrize("scope", [ADMIN, FULL])
def test_who_calls_the_admin_api_does_not_become_master(uow, shop, helper, clock, scope):
    own = uow.auth_subjects.get(helper.id)
    with pytest.raises(UnauthorizedError, match="full_access on everything"):
        grant(uow, own, Grant(scope), helper, clock.now())
    grant(uow, shop, Grant(CALL), helper, clock.now())
    grant(uow, shop, Grant(FULL, "adder"), helper, clock.now())


def test_nor_does_it_make_a_master_less(uow: UnitOfWork, shop, helper, master, clock):
    permission = grant(uow, shop, Grant(FULL), master, clock.now())
    with pytest.raises(UnauthorizedError):
        revoke(uow, permission.id, helper, clock.now())


def test_users_and_families_can_hold_permissions_too(uow, shop, helper, master, clock):
    for name in ("helper@example.com", "job_family:adder"):
        grant(uow, get_holder(uow, name), Grant(CALL, "adder"), master, clock.now())
    [event, *_] = uow.audit.list_newest(AuditFilter(usernames=("adder",)))
    assert event.event_type == AuditEventType.PERMISSION_GRANTED
