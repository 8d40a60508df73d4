import pytest
from lifecycle.auth.authenticate import ANONYMOUS_SUBJECT, AuthSubject, make_subject
from lifecycle.auth.authorize import (
    check_internal_unlimited,
    check_job,
    check_scope,
    decide_endpoint,
    decide_job,
    has_global_scope,
    has_scope,
    list_permitted_families,
    list_permitted_jobs,
    list_visible_deployments,
)
from lifecycle.auth.permissions import Effect
from lifecycle.database.tables.auth import PermissionRow
from lifecycle.database.unit_of_work import UnitOfWork
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import UnauthorizedError
from racetrack_commons.auth.token import AuthSubjectType, AuthTokenPayload
from racetrack_commons.entities.dto import JobFamilyDto
from racetrack_commons.testing.builders import a_deployment, a_job

CALL, READ, FULL = AuthScope.CALL_JOB, AuthScope.READ_JOB, AuthScope.FULL_ACCESS
ADDER = a_job("adder", "0.0.1", id="adder-1")
PERFORM = "/api/v1/perform"


@pytest.mark.parametrize(
    ("granted", "limit", "scope", "expected"),
    [
        (READ, None, READ, True),
        (READ, "job", READ, True),
        (READ, "job", CALL, False),
        (FULL, None, AuthScope.CALL_ADMIN_API, True),
        (FULL, "job", AuthScope.CALL_ADMIN_API, False),
        (FULL, "family", AuthScope.DEPLOY_NEW_FAMILY, False),
        (FULL, "endpoint", AuthScope.CALL_ADMIN_API, False),
        (AuthScope.DEPLOY_JOB, None, AuthScope.CALL_ADMIN_API, False),
    ],
)
def test_a_scope_needs_a_permission_and_those_of_the_platform_an_unlimited_one(
    uow: UnitOfWork, granted, limit, scope, expected
):
    job = uow.jobs.save(a_job())
    subject = an_esc(uow)
    limits = {
        None: {},
        "job": {"job_id": job.id},
        "family": {"job_family_id": uow.families.get("adder").id},
        "endpoint": {"endpoint": "/api/v1/perform"},
    }
    grant(uow, subject, granted, **limits[limit])
    assert has_scope(uow, subject, scope) is expected


@pytest.mark.parametrize(
    ("scopes", "is_allowed"),
    [(None, True), ([], True), (["full_access"], True), (["call_job"], True), (["x"], False)],
)
def test_the_token_of_a_service_says_what_it_may(uow: UnitOfWork, scopes, is_allowed):
    subject = a_service(scopes)
    family = JobFamilyDto(name="adder", id="1")

    assert has_scope(uow, subject, CALL) is is_allowed
    assert decide_job(uow, subject, CALL, "adder", ADDER).is_allowed is is_allowed
    assert decide_endpoint(uow, subject, CALL, ADDER, PERFORM).is_allowed is is_allowed
    assert list_permitted_jobs(uow, subject, CALL, [ADDER]) == ([ADDER] if is_allowed else [])
    assert list_permitted_families(uow, subject, CALL, [family]) == ([family] if is_allowed else [])


def test_a_refusal_says_who_lacks_what(uow: UnitOfWork):
    with pytest.raises(UnauthorizedError, match=r"service pub lacks the permission call_job$"):
        check_scope(uow, a_service(["x"]), CALL)
    with pytest.raises(
        UnauthorizedError, match=r"ESC caller lacks .* delete_job on job adder 0\.0\.1"
    ):
        check_job(uow, an_esc(uow), "adder", ADDER, AuthScope.DELETE_JOB)


@pytest.mark.parametrize(
    ("kind", "name", "scope", "remedy"),
    [
        ("user", "anna", CALL, "racetrack auth allow anna adder"),
        ("user", "anna b", READ, "racetrack auth allow 'anna b' adder --scope read_job"),
        ("user", "--everything", CALL, "racetrack auth allow user:--everything adder"),
        ("esc", "shop", CALL, "racetrack auth allow esc:shop adder"),
        ("job_family", "chain", CALL, "racetrack auth allow job_family:chain adder"),
    ],
)
def test_a_refusal_names_the_command_that_grants_what_is_lacking(
    uow: UnitOfWork, kind, name, scope, remedy
):
    subject = AuthSubject(AuthSubjectType(kind), name)
    with pytest.raises(UnauthorizedError) as refusal:
        check_job(uow, subject, "adder", ADDER, scope)
    assert str(refusal.value).endswith(f"; an admin grants it with `{remedy}`")


def test_a_refusal_about_the_platform_names_a_permission_on_everything(uow: UnitOfWork):
    with pytest.raises(UnauthorizedError, match=r"`racetrack auth allow anna --everything --scope"):
        check_scope(uow, AuthSubject(AuthSubjectType.USER, "anna"), AuthScope.CALL_ADMIN_API)


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


def test_a_permission_on_one_endpoint_covers_calls_of_it_and_nothing_else(uow: UnitOfWork):
    job = uow.jobs.save(a_job())
    subject = an_esc(uow)
    grant(uow, subject, FULL, endpoint=PERFORM)

    assert decide_endpoint(uow, subject, CALL, job, PERFORM).is_allowed
    assert not decide_endpoint(uow, subject, CALL, job, "/api/v1/other").is_allowed
    assert not decide_job(uow, subject, AuthScope.DELETE_JOB, "adder", job).is_allowed
    assert not has_global_scope(uow, subject, READ)
    assert list_permitted_jobs(uow, subject, READ, [job]) == []


def test_a_decision_tells_each_permission_it_met(uow: UnitOfWork):
    job = uow.jobs.save(a_job())
    subject = an_esc(uow)
    grant(uow, subject, READ)
    grant(uow, subject, CALL, job_id=job.id)
    grant(uow, subject, CALL)

    decision = decide_job(uow, subject, CALL, "adder", job)

    assert [(rule.effect, rule.reason) for rule in decision.rules] == [
        (Effect.CONTINUE, "read_job on everything is another scope"),
        (Effect.ALLOW, "call_job on job adder 0.0.1 was granted"),
    ]


def test_granting_twice_makes_one_permission(uow: UnitOfWork):
    subject = an_esc(uow)
    for _ in range(2):
        uow.permissions.grant(subject.id, CALL)
    assert len(uow.permissions.list_of_subject(subject.id)) == 1


def an_esc(uow: UnitOfWork) -> AuthSubject:
    row = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("caller", "esc-1").id)
    return AuthSubject(AuthSubjectType.ESC, "esc-1", id=row.id, display_name="caller")


def a_service(scopes: list[str] | None) -> AuthSubject:
    payload = AuthTokenPayload(subject="pub", subject_type=AuthSubjectType.INTERNAL, scopes=scopes)
    return AuthSubject(AuthSubjectType.INTERNAL, "pub", payload=payload)


def grant(uow: UnitOfWork, subject: AuthSubject, scope: AuthScope, **limits: str | None) -> None:
    uow.session.add(PermissionRow(auth_subject_id=subject.id, scope=scope, **limits))
    uow.session.flush()


def test_a_deployment_belongs_to_the_id_of_a_subject_and_not_to_its_name(uow: UnitOfWork, clock):
    user = uow.users.add("adder", "x", clock.now())
    of_user = make_subject(uow.auth_subjects.get_or_add_of_user(user.id))
    family = uow.families.get_or_add("adder")
    of_family = make_subject(uow.auth_subjects.get_or_add_of_family(family.id or ""))
    began = [
        a_deployment("of-user", deployed_by="adder"),
        a_deployment("of-nobody", deployed_by="adder"),
    ]
    uow.deployments.add(began[0], clock.now(), of_user.id)
    uow.deployments.add(began[1], clock.now())

    assert list_visible_deployments(uow, of_user, began) == began[:1]
    assert list_visible_deployments(uow, of_family, began) == []
