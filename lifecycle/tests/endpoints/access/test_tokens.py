import pytest
from fastapi.testclient import TestClient
from lifecycle.app import create_app

API = "/lifecycle/api/v1"


def test_regenerating_replaces_the_own_token_at_once(client, admin):
    answer = client.post(f"{API}/auth/token/user/regenerate", headers=admin)
    new = {"X-Racetrack-Auth": answer.json()["new_token"]}
    assert new["X-Racetrack-Auth"] not in answer.headers["set-cookie"]
    assert "racetrack_jobs=" in answer.headers["set-cookie"]
    profile = f"{API}/users/validate_user_auth"
    assert client.get(profile, headers=admin).status_code == 401
    assert client.get(profile, headers=new).status_code == 200


@pytest.mark.parametrize("whose", ["user/all", "job_family", "esc"])
def test_all_tokens_of_a_kind_can_be_regenerated(client, internal, esc_token, whose):
    url = f"{API}/auth/token/{whose}/regenerate"
    assert client.post(url, headers=internal).json() is None
    again = client.get(f"{API}/auth/token/esc/esc-1", headers=internal).json()["token"]
    assert (again == esc_token["X-Racetrack-Auth"]) is (whose != "esc")


def test_where_no_token_is_demanded_anybody_may_do_everything(config):
    with TestClient(create_app(config.model_copy(update={"auth_required": False}))) as client:
        for headers in ({}, {"X-Racetrack-Auth": "garbage"}):
            profile = client.get(f"{API}/users/validate_user_auth", headers=headers)
            assert profile.json()["username"] == "anonymous"
            assert client.get(f"{API}/escs", headers=headers).status_code == 200
            assert client.get(f"{API}/job", headers=headers).status_code == 200


def test_the_own_tokens_are_listed_without_their_text(client, admin):
    url = f"{API}/auth/token/user"
    made = client.post(url, json={"expiry_time": None}, headers=admin).json()
    listed = client.get(url, headers=admin).json()
    assert {token["id"]: token["is_current"] for token in listed}[made["id"]] is False
    assert [token["is_current"] for token in listed].count(True) == 1
    assert "token" not in listed[0]
    assert made["token"].endswith(listed[0]["token_end"])

    new = {"X-Racetrack-Auth": made["token"]}
    assert client.get(url, headers=new).status_code == 200
    assert client.delete(f"{url}/{made['id']}", headers=admin).json() is None
    assert client.get(url, headers=new).status_code == 401


@pytest.mark.parametrize("expiry", [-1, 1, 10**12])
def test_a_token_needs_an_expiry_in_the_future(client, admin, expiry):
    answer = client.post(f"{API}/auth/token/user", json={"expiry_time": expiry}, headers=admin)
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("expiry", [1, 4_000_000_000], ids=["in the past", "in a century"])
def test_the_time_until_a_token_expires_is_counted_by_the_clock_of_the_server(
    client, admin, expiry
):
    wanted = {"expiry_time": expiry, "expires_in_seconds": 86400}

    made = client.post(f"{API}/auth/token/user", json=wanted, headers=admin).json()

    now = client.app.state.services.clock.now().timestamp()
    assert made["expiry_time"] == pytest.approx(now + 86400, abs=60)
