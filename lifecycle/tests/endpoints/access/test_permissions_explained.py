import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lifecycle.app import create_app
from lifecycle.database.tables.auth import PermissionRow
from lifecycle.database.tables.job import PublicEndpointRow
from lifecycle.maintenance import set_maintenance_mode
from racetrack_commons.testing.builders import a_job

API = "/lifecycle/api/v1/auth"
PERFORM = "/api/v1/perform"


@pytest.fixture
def esc_token(client, app_uow) -> str:
    """The token of ESC shop, which may read everything and call adder's endpoint perform."""
    with app_uow() as uow:
        uow.jobs.save(a_job("adder", "0.0.1"))
        uow.jobs.save(a_job("other", "0.0.1"))
        esc = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("shop", "esc-1").id)
        family = uow.families.get("adder").id
        rows = [
            PermissionRow(auth_subject_id=esc.id, scope="read_job"),
            PermissionRow(
                auth_subject_id=esc.id, scope="call_job", job_family_id=family, endpoint=PERFORM
            ),
        ]
        uow.session.add_all(rows)
        return client.app.state.services.tokens.ensure_valid(uow, esc)


@pytest.fixture
def shop(esc_token) -> dict[str, str]:
    return {"X-Racetrack-Auth": esc_token}


def ask(client, headers, **question):
    return client.get(f"{API}/explain", params=question, headers=headers)


def rules(answer) -> list[tuple[str, str, str]]:
    return [(rule["rule"], rule["effect"], rule["reason"]) for rule in answer.json()["rules"]]


def test_an_allowed_call_is_explained_up_to_the_permission(client, shop, admin):
    answer = ask(client, admin, subject="shop", job="adder", endpoint=PERFORM)
    assert answer.json() == {
        "subject": "shop",
        "subject_type": "esc",
        "scope": "call_job",
        "job_name": "adder",
        "job_version": "0.0.1",
        "endpoint": PERFORM,
        "allowed": True,
        "rules": answer.json()["rules"],
    }
    assert rules(answer) == [
        ("job", "continue", "it is about job adder 0.0.1"),
        ("token", "continue", "1 of 1 tokens of ESC shop are valid"),
        ("permission", "continue", "read_job on everything is another scope"),
        (
            *("permission", "allow"),
            "call_job on job family adder, endpoint /api/v1/perform was granted",
        ),
    ]


def test_a_denied_call_is_explained_with_all_that_did_not_count(client, shop, admin):
    answer = ask(client, admin, subject="esc:esc-1", job="other", endpoint=PERFORM)
    assert answer.json()["allowed"] is False
    assert rules(answer)[-2:] == [
        (
            *("permission", "continue"),
            "call_job on job family adder, endpoint /api/v1/perform is about another job family",
        ),
        (
            *("default", "deny"),
            "ESC shop lacks the permission call_job on endpoint /api/v1/perform of job other 0.0.1",
        ),
    ]


def test_a_public_endpoint_explains_itself(client, shop, app_uow, admin):
    with app_uow() as uow:
        uow.public_endpoints.request(uow.jobs.get("other", "0.0.1").id, ["/open", PERFORM])
        uow.session.query(PublicEndpointRow).update({"active": True})
    answer = ask(client, admin, subject="shop", job="other", endpoint="/open/door")
    assert rules(answer)[1:] == [
        *[
            (
                *("public endpoint", "continue"),
                "the public endpoint /api/v1/perform of job other 0.0.1 is another one",
            ),
            ("public endpoint", "allow", "/open is a public endpoint of job other 0.0.1"),
        ]
    ]


@pytest.mark.parametrize(
    ("question", "last"),
    [
        ({"job": "adder", "scope": "read_job"}, ("permission", "allow")),
        ({"job": "adder", "scope": "delete_job"}, ("default", "deny")),
        ({"job": "adder", "version": "9.9.9", "endpoint": "/x"}, ("job", "deny")),
        ({"job": "adder", "version": "9.9.9", "scope": "deploy_job"}, ("default", "deny")),
        ({"job": "adder", "endpoint": "/live"}, ("probe", "allow")),
        ({"job": "adder", "endpoint": "/a/../b"}, ("path", "deny")),
    ],
)
def test_each_rule_can_decide(client, shop, question, last):
    answer = ask(client, shop, **question)
    assert rules(answer)[-1][:2] == last


def test_without_a_valid_token_nobody_may(client, shop, app_uow, admin):
    with app_uow() as uow:
        subject = uow.auth_subjects.get_or_add_of_esc("esc-1")
        for token in uow.auth_tokens.list_of_subject(subject.id):
            uow.auth_tokens.remove(subject.id, token.id)
    answer = ask(client, admin, subject="shop", job="adder", endpoint=PERFORM)
    assert rules(answer)[-1] == ("token", "deny", "0 of 0 tokens of ESC shop are valid")


def test_a_user_who_is_not_active_may_nothing(client, app_uow, admin):
    with app_uow() as uow:
        uow.jobs.save(a_job())
    client.app.state.services.users.register("anna@example.com", "correct horse")
    answer = ask(client, admin, subject="anna@example.com", job="adder")
    assert rules(answer)[-1] == ("account", "deny", "user anna@example.com is not active")


def test_maintenance_denies_every_call(client, shop, app_uow):
    with app_uow() as uow:
        set_maintenance_mode(uow, on=True)
    answer = ask(client, shop, job="adder", endpoint=PERFORM)
    assert rules(answer) == [("maintenance", "deny", "nothing is called in maintenance mode")]


def test_only_administrators_may_ask_about_others(client, shop, internal):
    mine = ask(client, shop, job="adder", endpoint=PERFORM)
    assert (mine.json()["subject"], mine.json()["allowed"]) == ("shop", True)
    assert ask(client, shop, subject="shop", job="adder").status_code == 200
    assert ask(client, shop, subject="admin", job="adder").status_code == 401
    assert ask(client, shop, subject="nobody", job="adder").status_code == 401
    assert ask(client, internal, subject="nobody", job="adder").status_code == 404
    assert ask(client, internal, subject="shop", job="adder").status_code == 200


def test_a_service_has_to_say_whom_it_means(client, shop, internal):
    answer = ask(client, internal, job="adder")
    assert (answer.status_code, answer.json()["type"]) == (400, "ValidationError")


def test_where_no_token_is_demanded_that_is_the_reason(config):
    app = create_app(config.model_copy(update={"auth_required": False}))
    with TestClient(app) as client:
        with app.state.services.unit_of_work() as uow:
            uow.jobs.save(a_job())
        answer = ask(client, {}, subject="admin", job="adder", endpoint=PERFORM)
    assert rules(answer)[-1] == (
        *("auth_required", "allow"),
        "no token is demanded here: anybody may",
    )


_SCOPES = st.sampled_from(["call_job", "read_job", "full_access"])
_PERMISSIONS = st.lists(
    st.tuples(
        _SCOPES,
        st.sampled_from([None, "adder", "other"]),
        st.sampled_from([None, "adder", "other"]),
        st.sampled_from([None, PERFORM, "open"]),
    ),
    max_size=4,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    permissions=_PERMISSIONS,
    name=st.sampled_from(["adder", "other"]),
    endpoint=st.sampled_from([PERFORM, "/open", "/open/door", "/live", "/api/../open", "/"]),
)
def test_what_is_explained_is_what_is_decided(
    client, shop, app_uow, internal, permissions, name, endpoint
):
    with app_uow() as uow:
        uow.session.query(PermissionRow).filter(PermissionRow.scope != "x").delete()
        subject = uow.auth_subjects.get_or_add_of_esc("esc-1")
        for scope, family, job, limit in permissions:
            row = PermissionRow(
                auth_subject_id=subject.id,
                scope=scope,
                job_family_id=uow.families.get(family).id if family else None,
                job_id=uow.jobs.get(job, "0.0.1").id if job else None,
                endpoint=limit,
            )
            uow.session.add(row)
    path = endpoint.replace("..", "%2E%2E")

    decided = client.get(f"{API}/can-call-job/{name}/latest{path}", headers=shop)
    explained = ask(client, internal, subject="shop", job=name, endpoint=endpoint)

    assert decided.status_code == (200 if explained.json()["allowed"] else 401)
