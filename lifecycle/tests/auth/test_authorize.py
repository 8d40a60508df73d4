import pytest
from lifecycle.auth.authenticate import ANONYMOUS_SUBJECT, AuthSubject
from lifecycle.auth.authorize import (
    check_endpoint,
    check_internal_unlimited,
    check_job,
    check_scope,
    has_global_scope,
    list_permitted_families,
    list_permitted_jobs,
    permits_job,
    permits_scope,
)
from lifecycle.database.dto import PermissionDto
from lifecycle.database.tables import PermissionRow
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.testing.builders import a_job
from racetrack_client.log.errors import UnauthorizedError
from racetrack_commons.auth.scope import AuthScope, AuthSubjectType
from racetrack_commons.auth.token import AuthTokenPayload

CALL, READ, FULL = AuthScope.CALL_JOB, AuthScope.READ_JOB, AuthScope.FULL_ACCESS
ADDER = a_job("adder", "0.0.1", id="adder-1")
OTHER = a_job("other", "0.0.1", id="other-1")


def a_permission(scope: AuthScope, **limits: str) -> PermissionDto:
    return PermissionDto(auth_subject_id="anna", scope=scope, **limits)


@pytest.mark.parametrize(
    ("permission", "scope", "job", "expected"),
    [
        (a_permission(CALL), CALL, ADDER, True),
        (a_permission(FULL), CALL, ADDER, True),
        (a_permission(READ), CALL, ADDER, False),
        (a_permission(CALL, job_family_id="1", job_family_name="adder"), CALL, ADDER, True),
        (a_permission(CALL, job_family_id="1", job_family_name="adder"), CALL, OTHER, False),
        (a_permission(CALL, job_id="adder-1"), CALL, ADDER, True),
        (a_permission(CALL, job_id="adder-1"), CALL, OTHER, False),  # the same version, no more
        (a_permission(FULL, job_id="adder-1"), CALL, OTHER, False),
        (
            a_permission(CALL, job_id="adder-1", job_family_id="2", job_family_name="other"),
            *(CALL, ADDER, False),
        ),
    ],
)
def test_a_permission_on_jobs(permission, scope, job, expected):
    assert permits_job([permission], scope, job.name, job) is expected


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        (a_permission(CALL), True),
        (a_permission(CALL, job_family_id="1", job_family_name="adder"), True),
        (a_permission(CALL, job_id="adder-1"), False),
    ],
)
def test_a_permission_on_versions_that_do_not_exist_yet(permission, expected):
    assert permits_job([permission], CALL, "adder", None) is expected


@pytest.mark.parametrize(
    ("permission", "scope", "expected"),
    [
        (a_permission(READ), READ, True),
        (a_permission(READ, job_id="adder-1"), READ, True),
        (a_permission(FULL), AuthScope.CALL_ADMIN_API, True),
        (a_permission(FULL, job_id="adder-1"), AuthScope.CALL_ADMIN_API, False),
        (a_permission(FULL, job_family_id="1"), AuthScope.DEPLOY_NEW_FAMILY, False),
        (a_permission(FULL, endpoint="/a"), AuthScope.CALL_ADMIN_API, False),
        (a_permission(AuthScope.DEPLOY_JOB), AuthScope.CALL_ADMIN_API, False),
    ],
)
def test_a_permission_on_scopes(permission, scope, expected):
    assert permits_scope([permission], scope) is expected


@pytest.mark.parametrize(
    ("scopes", "is_allowed"),
    [(None, True), ([], True), (["full_access"], True), (["call_job"], True), (["x"], False)],
)
def test_the_token_of_a_service_says_what_it_may(uow: UnitOfWork, scopes, is_allowed):
    subject = a_service(scopes)
    if is_allowed:
        check_scope(uow, subject, CALL)
        check_job(uow, subject, "adder", ADDER, CALL)
        check_endpoint(uow, subject, ADDER, "/api/v1/perform", CALL)
        return
    for check in (
        lambda: check_scope(uow, subject, CALL),
        lambda: check_job(uow, subject, "adder", ADDER, CALL),
        lambda: check_endpoint(uow, subject, ADDER, "/api/v1/perform", CALL),
    ):
        with pytest.raises(UnauthorizedError, match="service pub"):
            check()


def test_a_service_limited_to_scopes_may_do_nothing_unscoped():
    check_internal_unlimited(a_service(None))
    with pytest.raises(UnauthorizedError):
        check_internal_unlimited(a_service(["call_job"]))


def test_an_anonymous_caller_may_do_everything_where_no_token_is_demanded(uow: UnitOfWork):
    check_job(uow, ANONYMOUS_SUBJECT, "adder", ADDER, AuthScope.DELETE_JOB)
    assert has_global_scope(uow, ANONYMOUS_SUBJECT, AuthScope.CALL_ADMIN_API)


def test_lists_show_jobs_of_granted_families_and_granted_jobs(uow: UnitOfWork):
    jobs = [uow.jobs.save(a_job(name)) for name in ("adder", "chain", "other")]
    subject = an_esc(uow)
    family = uow.families.get("chain")
    uow.permissions.grant(subject.id, READ, job_family_id=family.id)
    uow.permissions.grant(subject.id, READ, job_id=jobs[2].id)

    permitted = list_permitted_jobs(uow, subject, READ, jobs)
    families = list_permitted_families(uow, subject, READ, uow.families.list_all())

    assert [job.name for job in permitted] == ["chain", "other"]
    assert [family.name for family in families] == ["chain"]
    assert not has_global_scope(uow, subject, READ)


def test_a_permission_on_one_endpoint_covers_that_endpoint(uow: UnitOfWork):
    job = uow.jobs.save(a_job())
    subject = an_esc(uow)
    uow.session.add(
        PermissionRow(auth_subject_id=subject.id, scope=CALL, endpoint="/api/v1/perform")
    )
    uow.session.flush()
    check_endpoint(uow, subject, job, "/api/v1/perform", CALL)
    with pytest.raises(UnauthorizedError, match="of job adder"):
        check_endpoint(uow, subject, job, "/api/v1/other", CALL)


def test_granting_twice_makes_one_permission(uow: UnitOfWork):
    subject = an_esc(uow)
    for _ in range(2):
        uow.permissions.grant(subject.id, CALL)
    assert len(uow.permissions.list_of_subject(subject.id)) == 1


def an_esc(uow: UnitOfWork) -> AuthSubject:
    row = uow.auth_subjects.ensure_of_esc(uow.escs.add("caller", "esc-1").id)
    return AuthSubject(AuthSubjectType.ESC, "esc-1", id=row.id, display_name="caller")


def a_service(scopes: list[str] | None) -> AuthSubject:
    payload = AuthTokenPayload(subject="pub", subject_type=AuthSubjectType.INTERNAL, scopes=scopes)
    return AuthSubject(AuthSubjectType.INTERNAL, "pub", payload=payload)
