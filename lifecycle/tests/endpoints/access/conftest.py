import pytest

API = "/lifecycle/api/v1"


@pytest.fixture
def esc(client, admin) -> str:
    answer = client.post(f"{API}/escs", json={"name": "caller", "id": "esc-1"}, headers=admin)
    assert answer.json() == {"name": "caller", "id": "esc-1"}
    return "esc-1"


@pytest.fixture
def esc_token(client, esc, internal) -> dict[str, str]:
    token = client.get(f"{API}/auth/token/esc/{esc}", headers=internal).json()["token"]
    return {"X-Racetrack-Auth": token}
