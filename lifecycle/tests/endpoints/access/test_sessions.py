import re
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from lifecycle.app import create_app
from lifecycle.database.repositories.authentication import BrowserSessionRepository
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import DiskFull
from racetrack_commons.testing.builders import a_job

API = "/lifecycle/api/v1/users"
ADMIN = {"username": "admin", "password": "admin"}


def test_logging_in_gives_a_token_and_a_cookie(client, admin):
    answer = client.post(f"{API}/login", json=ADMIN)
    assert answer.status_code == 200
    assert answer.json() == {
        "username": "admin",
        "token": admin["X-Racetrack-Auth"],
        "is_staff": True,
    }
    mark, session = answer.headers.get_list("set-cookie")
    # Older dashboards look for this name, so it is there; it gives no access.
    assert mark == "X-Racetrack-Auth=logged-in; Max-Age=2678400; Path=/; SameSite=lax"
    assert session.startswith("racetrack_jobs=")
    assert session.endswith("; HttpOnly; Max-Age=43200; Path=/pub; SameSite=lax")
    assert admin["X-Racetrack-Auth"] not in session


def test_wrong_credentials_are_refused(client):
    answer = client.post(f"{API}/login", json={"username": "admin", "password": "hunter2"})
    assert answer.status_code == 401
    assert "hunter2" not in answer.text


def test_too_many_wrong_credentials_are_refused_for_a_while(config):
    app = create_app(config.model_copy(update={"login_attempts_per_account": 1}))
    with TestClient(app) as client:
        wrong = {"username": "admin", "password": "hunter2"}
        assert client.post(f"{API}/login", json=wrong).status_code == 401
        answer = client.post(f"{API}/login", json=ADMIN)
        assert (answer.status_code, answer.json()["type"]) == (429, "TooManyAttempts")
        assert 800 < int(answer.headers["Retry-After"]) <= 900


def test_the_cookie_is_for_the_domain_of_the_cluster_and_for_https_when_told(config):
    settings = {"cluster_fqdn": "c1.example.com", "enforce_secure_cookie": True}
    with TestClient(create_app(config.model_copy(update=settings))) as client:
        answer = client.post(f"{API}/login", json=ADMIN)
    cookie = answer.headers["set-cookie"]
    assert "Domain=racetrack.c1.example.com" in cookie
    assert cookie.count("Secure") == 2
    assert cookie.count("SameSite=lax") == 2


HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("settings", "headers", "secure"),
    [
        ({}, {}, []),
        ({}, HTTPS, ["X-Racetrack-Auth", "racetrack_jobs"]),
        ({"trusted_proxies": ()}, HTTPS, []),
        ({"external_lifecycle_url": "https://a/lifecycle"}, {}, ["X-Racetrack-Auth", "racetrack_jobs"]),
        ({"external_pub_url": "https://jobs.a/pub"}, {}, ["racetrack_jobs"]),
        ({"cluster_fqdn": "a.example"}, {}, ["X-Racetrack-Auth", "racetrack_jobs"]),
        ({"enforce_secure_cookie": True}, {}, ["X-Racetrack-Auth", "racetrack_jobs"]),
    ],
)  # fmt: skip
def test_cookies_are_for_https_wherever_browsers_use_it(config, settings, headers, secure):
    app = create_app(config.model_copy(update=settings))
    with TestClient(app, client=("127.0.0.1", 1)) as client:
        answer = client.post(f"{API}/login", json=ADMIN, headers=headers)
        opened = client.post(f"{API}/job_session", json=ADMIN).json()
    cookies = answer.headers.get_list("set-cookie")
    assert [each.partition("=")[0] for each in cookies if "; Secure" in each] == secure
    assert opened["is_secure"] is (
        bool(secure)
        and not headers
        and settings != {"external_lifecycle_url": "https://a/lifecycle"}
    )


def test_no_cookie_is_what_the_log_in_page_of_pub_gets(client):
    answer = client.post(f"{API}/job_session", json=ADMIN)
    assert (answer.status_code, answer.json()["lifetime_seconds"]) == (200, 43200)
    assert "set-cookie" not in answer.headers
    wrong = client.post(f"{API}/job_session", json=ADMIN | {"password": "hunter2"})
    assert (wrong.status_code, wrong.json()["type"]) == (401, "WrongCredentials")


def test_the_profile_shows_the_token_that_asked(client, admin, app_uow):
    with app_uow() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.get("admin").id)
        newer = client.app.state.services.tokens.create(uow, subject).text
    for token in (admin["X-Racetrack-Auth"], newer):
        profile = client.get(f"{API}/validate_user_auth", headers={"X-Racetrack-Auth": token})
        assert profile.json()["token"] == token


def test_a_malformed_login_does_not_repeat_the_password(client):
    answer = client.post(f"{API}/login", json={"username": 1, "password": "hunter2"})
    assert answer.status_code == 422


def test_logging_out_deletes_every_cookie(client):
    answer = client.get(f"{API}/logout")
    assert (answer.status_code, answer.content) == (200, b"")
    deleted = [
        (each.partition("=")[0], re.search("Path=([^;]*)", each)[1])
        for each in answer.headers.get_list("set-cookie")
        if "Max-Age=0" in each
    ]
    assert deleted == [
        ("X-Racetrack-Auth", "/"),
        ("racetrack_jobs", "/pub"),
        ("racetrack_panel", "/lifecycle/admin"),
        ("racetrack_panel", "/admin"),
    ]


def test_a_token_can_be_validated(client, admin):
    answer = client.get(f"{API}/validate_user_auth", headers=admin)
    assert answer.json()["username"] == "admin"


@pytest.mark.parametrize("headers", [{}, {"X-Racetrack-Auth": "invalid"}])
def test_a_wrong_token_is_refused_and_not_repeated(client, headers):
    answer = client.get(f"{API}/validate_user_auth", headers=headers)
    assert answer.status_code == 401
    assert "invalid" not in answer.json()["error"] or "auth token is invalid" in answer.text


def test_services_have_no_profile(client, internal):
    assert client.get(f"{API}/validate_user_auth", headers=internal).status_code == 401


@pytest.fixture
def opened(client) -> dict[str, str]:
    """The answer to a log-in to the dashboard."""
    return client.post(f"{API}/dashboard_session", json=ADMIN).json()


@pytest.fixture
def visitor(opened) -> dict[str, str]:
    """The header of the dashboard's requests."""
    return {"X-Racetrack-Auth": opened["session"]}


def may_call(client, session):
    url = "/lifecycle/api/v1/auth/can-call-job/adder/latest/api/v1/perform"
    return client.get(url, headers={"X-Racetrack-Auth": session}).status_code == 200


def test_the_dashboard_gets_a_session_for_the_api_and_one_for_jobs(
    client, opened, visitor, app_uow, admin
):
    with app_uow() as uow:
        uow.jobs.save(a_job("adder", "0.0.2"))
    assert opened.pop("session") != opened.pop("job_session")
    assert opened == {
        "username": "admin",
        "is_staff": True,
        "is_superuser": True,
        "lifetime_seconds": 43200,
    }
    assert client.get("/lifecycle/api/v1/job", headers=visitor).status_code == 200
    assert client.get("/lifecycle/api/v1/escs", headers=visitor).json() == []
    cookie = {"Cookie": f"X-Racetrack-Auth={visitor['X-Racetrack-Auth']}"}
    assert client.get("/lifecycle/api/v1/job", headers=cookie).status_code == 401


def test_wrong_passwords_of_the_dashboard_are_counted_with_the_others(config):
    app = create_app(config.model_copy(update={"login_attempts_per_account": 2}))
    wrong = {"username": "admin", "password": "hunter2"}
    with TestClient(app) as client:
        refused = client.post(f"{API}/dashboard_session", json=wrong)
        assert (refused.status_code, refused.json()["type"]) == (401, "WrongCredentials")
        assert client.post(f"{API}/login", json=wrong).status_code == 401
        assert client.post(f"{API}/dashboard_session", json=ADMIN).status_code == 429


def test_logging_out_of_the_dashboard_ends_both_sessions(client, opened, visitor, app_uow):
    with app_uow() as uow:
        uow.jobs.save(a_job("adder", "0.0.2"))
    assert may_call(client, opened["job_session"])
    assert not may_call(client, opened["session"])

    for _ in range(2):
        ended = client.delete(f"{API}/dashboard_session", headers=visitor)
        assert (ended.status_code, ended.content) == (204, b"")

    assert client.get(f"{API}/me", headers=visitor).status_code == 401
    assert not may_call(client, opened["job_session"])


def test_a_token_is_not_ended_as_a_session(client, admin):
    assert client.delete(f"{API}/dashboard_session", headers=admin).status_code == 204
    assert client.get(f"{API}/me", headers=admin).status_code == 200


def test_pub_ends_the_session_of_a_browser_that_logs_out_there(client, internal, opened, visitor):
    body = {"session": opened["job_session"]}
    url = f"{API}/job_session"
    assert client.request("DELETE", url, json=body, headers=visitor).status_code == 401
    assert client.get(f"{API}/me", headers=visitor).status_code == 200

    assert client.request("DELETE", url, json=body, headers=internal).status_code == 204

    assert client.get(f"{API}/me", headers=visitor).status_code == 401


@pytest.mark.parametrize(
    ("headers", "ends"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://evil.example"}, False),
    ],
)
def test_logging_out_ends_the_sessions_that_pages_of_this_origin_show(
    client, opened, visitor, headers, ends
):
    cookie = {"Cookie": f"racetrack_jobs={opened['job_session']}"}
    client.get(f"{API}/logout", headers=headers | cookie)
    is_ended = client.get(f"{API}/me", headers=visitor).status_code == 401
    assert is_ended is ends


@pytest.mark.parametrize("shown", ["admin", "visitor"])
def test_a_user_is_told_its_rights(client, request, shown):
    me = client.get(f"{API}/me", headers=request.getfixturevalue(shown)).json()
    assert (me["username"], me["is_staff"], me["is_superuser"]) == ("admin", True, True)
    assert me["scopes_on_everything"] == [scope.value for scope in AuthScope]


def test_a_permission_on_a_family_is_none_on_everything(client, app_uow):
    with app_uow() as uow:
        family = uow.families.get_or_add("adder")
        user = uow.users.add("anna", "hash", datetime.now(UTC))
        uow.users.set_active("anna", active=True)
        subject = uow.auth_subjects.get_or_add_of_user(user.id)
        uow.permissions.grant(subject.id, AuthScope.READ_JOB)
        uow.permissions.grant(subject.id, AuthScope.DEPLOY_JOB, job_family_id=family.id)
        token = client.app.state.services.tokens.create(uow, subject).text
    me = client.get(f"{API}/me", headers={"X-Racetrack-Auth": token}).json()
    assert me == {
        "username": "anna",
        "is_staff": False,
        "is_superuser": False,
        "scopes_on_everything": ["read_job"],
    }


def test_a_session_is_never_shown_as_a_token(client, admin, visitor):
    profile = client.get(f"{API}/validate_user_auth", headers=visitor).json()
    assert profile == {"username": "admin", "token": "", "is_staff": True}
    shown = client.post("/lifecycle/api/v1/auth/token/user/reveal", headers=visitor)
    assert shown.json() == {"token": admin["X-Racetrack-Auth"]}
    assert shown.headers["cache-control"] == "no-store"


def test_the_token_behind_a_session_is_the_current_one(client, visitor):
    url = "/lifecycle/api/v1/auth/token/user"
    other = client.post(url, json={"expiry_time": None}, headers=visitor).json()
    told = {each["id"]: each["is_current"] for each in client.get(url, headers=visitor).json()}
    assert told.pop(other["id"]) is False
    [(current, is_current)] = told.items()
    assert is_current
    client.delete(f"{url}/{other['id']}", headers=visitor)
    assert client.get(f"{API}/me", headers=visitor).status_code == 200
    client.delete(f"{url}/{current}", headers=visitor)
    assert client.get(f"{API}/me", headers=visitor).status_code == 401


def test_a_visitor_who_regenerates_the_token_stays_logged_in(client, admin, visitor):
    other = client.post(f"{API}/dashboard_session", json=ADMIN).json()["session"]
    url = "/lifecycle/api/v1/auth/token/user/regenerate"

    answer = client.post(url, headers=visitor)

    assert "set-cookie" not in answer.headers
    new = {"X-Racetrack-Auth": answer.json()["new_token"]}
    statuses = [
        client.get(f"{API}/me", headers=headers).status_code
        for headers in (visitor, new, admin, {"X-Racetrack-Auth": other})
    ]
    assert statuses == [200, 200, 401, 401]


def test_a_full_disk_keeps_browsers_out_but_not_programs(client, admin, monkeypatch):
    def refuse(*_):
        raise DiskFull("the disk is full")

    monkeypatch.setattr(BrowserSessionRepository, "add", refuse)
    answer = client.post(f"{API}/login", json=ADMIN)
    assert answer.json()["token"] == admin["X-Racetrack-Auth"]
    assert "set-cookie" not in answer.headers
    refused = client.post(f"{API}/dashboard_session", json=ADMIN)
    assert (refused.status_code, refused.json()["type"]) == (507, "DiskFull")
