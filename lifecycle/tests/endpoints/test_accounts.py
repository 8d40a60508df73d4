import pytest

API = "/lifecycle/api/v1/users"
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
