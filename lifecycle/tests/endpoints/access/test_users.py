import re

import pytest
from fastapi.testclient import TestClient
from lifecycle.app import create_app

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


def test_a_registered_user_can_log_in_once_activated(client, app_uow):
    anna = {"username": "anna@example.com", "password": "correct horse"}
    answer = client.post(f"{API}/register", json=anna)
    assert (answer.status_code, answer.json()) == (200, None)
    assert client.post(f"{API}/login", json=anna).status_code == 401
    with app_uow() as uow:
        uow.users.set_active("anna@example.com", active=True)
    assert client.post(f"{API}/login", json=anna).json()["is_staff"] is False


@pytest.mark.parametrize(
    ("username", "password", "status"),
    [
        ("anna b", "correct horse", 400),
        ("anna@example.com", "", 400),
        ("anna@example.com", "password123", 400),
    ],
)
def test_bad_registrations_are_refused(client, username, password, status):
    answer = client.post(f"{API}/register", json={"username": username, "password": password})
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_taken_name_is_a_conflict(client):
    anna = {"username": "anna@example.com", "password": "correct horse"}
    client.post(f"{API}/register", json=anna)
    assert client.post(f"{API}/register", json=anna).status_code == 409


def test_a_password_can_be_changed_by_who_knows_it(client, admin):
    change = {"old_password": "wrong", "new_password": "correct horse"}
    url = f"{API}/change_password"
    assert client.put(url, json=change, headers=admin).status_code == 401
    change["old_password"] = "admin"
    assert client.put(url, json=change, headers=admin).status_code == 200
    login = {"username": "admin", "password": "correct horse"}
    assert client.post(f"{API}/login", json=login).status_code == 200


ANNA = {"username": "anna@example.com", "password": "correct horse"}


@pytest.fixture
def anna(client) -> str:
    client.post(f"{API}/register", json=ANNA)
    return f"{API}/{ANNA['username']}"


def test_staff_activates_and_switches_off(client, anna, admin):
    changed = client.put(anna, json={"is_active": True}, headers=admin).json()
    assert (changed["username"], changed["is_active"]) == (ANNA["username"], True)
    token = {"X-Racetrack-Auth": client.post(f"{API}/login", json=ANNA).json()["token"]}
    assert client.get(API, headers=token).status_code == 401

    client.put(anna, json={"is_active": False}, headers=admin)

    assert client.get(f"{API}/validate_user_auth", headers=token).status_code == 401


def test_accounts_are_listed_without_their_passwords(client, anna, admin):
    accounts = client.get(API, headers=admin).json()
    assert [account["username"] for account in accounts] == ["admin", ANNA["username"]]
    assert "argon2" not in str(accounts)
    assert accounts[1]["last_login"] is None


def test_a_forgotten_password_is_replaced_by_staff(client, anna, admin):
    client.put(anna, json={"is_active": True}, headers=admin)
    url = f"{anna}/password"
    assert client.put(url, json={"new_password": "weak"}, headers=admin).status_code == 400
    new = "battery staple"
    assert client.put(url, json={"new_password": new}, headers=admin).json() is None
    assert client.post(f"{API}/login", json=ANNA).status_code == 401
    assert client.post(f"{API}/login", json=ANNA | {"password": new}).status_code == 200


def test_changes_of_accounts_are_in_the_audit_log(client, anna, admin):
    client.put(anna, json={"is_active": True}, headers=admin)
    client.put(f"{anna}/password", json={"new_password": "battery staple"}, headers=admin)
    activity = client.get("/lifecycle/api/v1/audit/activity", headers=admin).json()
    told = [event["explanation"] for event in activity["events"]]
    assert told == [
        "admin changed the password of anna@example.com",
        "admin changed the rights of anna@example.com: is_active = true",
        "anna@example.com asked for an account",
    ]
    assert "battery" not in str(activity)


def test_staff_adds_a_user_and_is_told_the_generated_password_once(client, admin):
    added = client.post(API, json={"username": "ben"}, headers=admin).json()
    assert (added["username"], added["is_active"], added["is_staff"]) == ("ben", True, False)

    credentials = {"username": "ben", "password": added["password"]}
    assert client.post(f"{API}/login", json=credentials).status_code == 200
    assert "password" not in client.get(API, headers=admin).json()[-1]
    assert client.post(API, json={"username": "BEN"}, headers=admin).status_code == 409


def test_a_given_password_is_not_repeated(client, admin):
    ben = {"username": "ben", "password": "a-long-phrase"}
    assert client.post(API, json=ben, headers=admin).json()["password"] is None
