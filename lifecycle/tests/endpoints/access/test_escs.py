from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from lifecycle.app import create_app
from pydantic import SecretStr

API = "/lifecycle/api/v1"


def test_tokens_of_an_esc_can_be_added_and_revoked(client, admin, esc, clock):
    expiry = int((clock.now() + timedelta(days=36500)).timestamp())
    url = f"{API}/escs/{esc}/auth_token"
    token = client.post(url, json={"expiry_time": expiry}, headers=admin).json()
    assert (token["expiry_time"], token["active"]) == (expiry, True)
    listed = client.get(f"{API}/escs/{esc}/auth_data", headers=admin).json()
    assert (listed["name"], len(listed["tokens"])) == ("caller", 2)
    assert client.delete(f"{url}/{token['id']}", headers=admin).json() is None
    assert client.delete(f"{url}/{token['id']}", headers=admin).status_code == 404


@pytest.mark.parametrize("expiry", [-1, 10**12, 10**30])
def test_a_token_expires_within_the_calendar(client, admin, esc, expiry):
    url = f"{API}/escs/{esc}/auth_token"
    assert client.post(url, json={"expiry_time": expiry}, headers=admin).status_code == 422


def test_tokens_of_another_secret_key_are_listed_with_what_to_do(client, admin, esc, config):
    url = f"{API}/escs/{esc}/auth_data"
    before = client.get(url, headers=admin).json()["tokens"]
    changed = config.model_copy(update={"secret_key": SecretStr("another key of secrets")})

    with TestClient(create_app(changed)) as restarted:
        after = restarted.get(url, headers=admin).json()["tokens"]
        made = restarted.get(f"{API}/auth/token/esc/{esc}", headers=admin).json()["token"]
        again = restarted.get(f"{API}/auth/token/esc/{esc}", headers=admin).json()["token"]

    assert [token["id"] for token in after] == [token["id"] for token in before]
    assert "SECRET_KEY" in after[0]["token"]
    assert made == again != before[0]["token"]


def test_a_token_is_revoked_only_through_its_own_esc(client, admin, esc):
    client.post(f"{API}/escs", json={"name": "caller", "id": "esc-2"}, headers=admin)
    mine = client.get(f"{API}/escs/{esc}/auth_data", headers=admin).json()["tokens"][0]["id"]
    url = f"{API}/escs/esc-2/auth_token/{mine}"
    assert client.delete(url, headers=admin).status_code == 404


def test_bad_escs_are_refused(client, admin, internal, esc):
    url = f"{API}/escs"
    assert client.post(url, json={"name": "again", "id": esc}, headers=admin).status_code == 409
    assert client.post(url, json={"name": ""}, headers=admin).status_code == 422
    assert client.get(f"{url}/gone/auth_data", headers=admin).status_code == 404
    assert client.get(url, headers=internal).status_code == 401
    assert client.get(url, headers=admin).json() == [{"name": "caller", "id": esc}]
