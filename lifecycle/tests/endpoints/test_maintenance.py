import pytest

API = "/lifecycle/api/v1"


@pytest.mark.parametrize("on", [True, False])
def test_maintenance_mode_is_switched_and_told(client, admin, on):
    body = {"maintenance_mode": on}

    answer = client.put(f"{API}/maintenance", json=body, headers=admin)

    assert (answer.status_code, answer.json()) == (200, None)
    assert client.get(f"{API}/maintenance", headers=admin).json() == body


def test_switching_is_audited_once(client, admin):
    for on in (True, True, False):
        client.put(f"{API}/maintenance", json={"maintenance_mode": on}, headers=admin)

    events = client.get(f"{API}/audit/activity", headers=admin).json()["events"]
    assert [event["explanation"] for event in events] == [
        "admin ended maintenance",
        "admin began maintenance",
    ]


def test_in_maintenance_jobs_are_not_changed(client, admin):
    client.put(f"{API}/maintenance", json={"maintenance_mode": True}, headers=admin)

    answer = client.post(f"{API}/job/all/reconcile", headers=admin)

    assert (answer.status_code, answer.json()["type"]) == (503, "UnderMaintenance")
