import pytest
from racetrack_commons.testing.builders import a_job

API = "/lifecycle/api/v1"
PERMISSIONS = f"{API}/auth/permissions"
CALL = f"{API}/auth/can-call-job/adder/latest/api/v1/perform"


@pytest.fixture
def shop(client, app_uow, admin) -> dict[str, str]:
    """The header of an ESC without permissions, in a world with the job adder."""
    with app_uow() as uow:
        uow.jobs.save(a_job("adder", "0.0.1"))
    client.post(f"{API}/escs", json={"name": "shop", "id": "esc-1"}, headers=admin)
    data = client.get(f"{API}/escs/esc-1/auth_data", headers=admin).json()
    return {"X-Racetrack-Auth": data["tokens"][0]["token"]}


def test_a_permission_is_granted_listed_used_and_taken_back(client, shop, admin):
    wanted = {
        "subject": "esc:shop",
        "scope": "call_job",
        "job_name": "adder",
        "endpoint": "/api/v1/perform",
    }
    granted = client.post(PERMISSIONS, json=wanted, headers=admin).json()
    assert granted == {
        "id": granted["id"],
        "subject": "esc:esc-1",
        "subject_type": "esc",
        "subject_name": "shop",
        "scope": "call_job",
        "job_name": "adder",
        "job_version": None,
        "endpoint": "/api/v1/perform",
        "description": "call_job on job family adder, endpoint /api/v1/perform",
    }
    assert client.get(PERMISSIONS, headers=shop).json() == [granted]
    assert client.get(CALL, headers=shop).status_code == 200

    assert client.delete(f"{PERMISSIONS}/{granted['id']}", headers=admin).json() is None

    assert client.get(CALL, headers=shop).status_code == 401
    assert client.get(PERMISSIONS, params={"subject": "shop"}, headers=admin).json() == []


def test_others_permissions_are_shown_to_administrators_only(client, shop, internal):
    asked = {"subject": "admin"}
    assert client.get(PERMISSIONS, params=asked, headers=shop).status_code == 401
    held = client.get(PERMISSIONS, params=asked, headers=internal).json()
    assert [permission["scope"] for permission in held] == ["full_access"]


def test_administrators_list_the_permissions_of_all_subjects(client, shop, admin):
    for wanted in ({"scope": "read_job"}, {"scope": "call_job", "job_name": "adder"}):
        client.post(PERMISSIONS, json={"subject": "shop", **wanted}, headers=admin)
    everything = f"{PERMISSIONS}/all"

    def list_held(**params) -> list[tuple[str, str]]:
        found = client.get(everything, params=params, headers=admin).json()
        return [(each["subject_name"], each["description"]) for each in found]

    admins = ("admin", "full_access on everything")
    shops = [("shop", "read_job on everything"), ("shop", "call_job on job family adder")]
    assert list_held() == [admins, *shops]
    assert list_held(search="CONSUMER adder") == shops[1:]
    assert list_held(search="shop", limit=1) == shops[:1]
    page = client.get(everything, params={"search": "shop", "limit": 1}, headers=admin)
    assert page.headers["X-Total-Count"] == "2"
    known = {**admin, "If-None-Match": page.headers["ETag"]}
    assert client.get(page.request.url, headers=known).status_code == 304
    assert client.get(everything, headers=shop).status_code == 401


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"subject": "nobody", "scope": "call_job"}, 404),
        ({"subject": "shop", "scope": "fly"}, 422),
        ({"subject": "shop", "scope": "call_job", "job_name": "gone"}, 404),
        ({"subject": "shop", "scope": "call_job", "job_version": "0.0.1"}, 400),
    ],
)
def test_grants_that_make_no_sense_are_refused(client, shop, admin, wanted, status):
    assert client.post(PERMISSIONS, json=wanted, headers=admin).status_code == status


def test_a_permission_that_no_database_can_count_is_refused(client, admin):
    assert client.delete(f"{PERMISSIONS}/{2**63}", headers=admin).status_code == 422
    assert client.delete(f"{PERMISSIONS}/{2**63 - 1}", headers=admin).status_code == 404


def test_an_esc_that_is_removed_is_out_at_once(client, shop, admin):
    assert client.get(PERMISSIONS, headers=shop).status_code == 200
    assert client.delete(f"{API}/escs/esc-1", headers=admin).json() is None
    assert client.get(PERMISSIONS, headers=shop).status_code == 401
    assert client.delete(f"{API}/escs/esc-1", headers=admin).status_code == 404
