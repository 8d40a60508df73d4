import pytest

API = "/lifecycle/api/v1/users"


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
