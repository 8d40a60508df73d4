import pytest
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import A_TIME, a_job

API = "/lifecycle/api/v1"


@pytest.fixture
def jobs(app_uow):
    with app_uow() as uow:
        for number in range(5):
            uow.jobs.save(a_job(f"job-{number}", update_time=A_TIME - number))
        uow.jobs.save(a_job("lost", status=JobStatus.LOST, update_time=A_TIME - 9))


@pytest.fixture
def reader(client, app_uow):
    """The token of an ESC that may read job-1 and job-2."""
    tokens = client.app.state.services.tokens
    with app_uow() as uow:
        esc = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("caller", "esc-1").id)
        for name in ("job-1", "job-2"):
            family = uow.families.get_or_add(name)
            uow.permissions.grant(esc.id, AuthScope.READ_JOB, job_family_id=family.id)
        return {"X-Racetrack-Auth": tokens.ensure_valid(uow, esc)}


def names(answer):
    assert answer.status_code == 200, answer.text
    return [job["name"] for job in answer.json()]


def test_without_parameters_the_list_is_whole_as_older_clients_know_it(client, admin, jobs):
    answer = client.get(f"{API}/job", headers=admin)

    assert names(answer) == [*(f"job-{number}" for number in range(5)), "lost"]
    assert "X-Total-Count" not in answer.headers
    assert "owner_email" not in answer.json()[0]
    assert answer.json()[0]["manifest"]["name"] == "job-0"


def test_a_page_tells_the_total(client, admin, jobs):
    query = {"limit": 2, "offset": 1, "search": "JOB- running", "sort": "-name"}
    answer = client.get(f"{API}/job", params=query, headers=admin)

    assert names(answer) == ["job-3", "job-2"]
    assert answer.headers["X-Total-Count"] == "5"
    assert answer.json()[0]["owner_email"] == "sample@example.com"


def test_a_page_behind_the_end_is_empty(client, admin, jobs):
    answer = client.get(f"{API}/job?offset=100", headers=admin)
    assert (names(answer), answer.headers["X-Total-Count"]) == ([], "6")


def test_a_page_may_leave_the_manifests_out(client, admin, jobs):
    answer = client.get(f"{API}/job?manifests=false&status=lost", headers=admin)

    assert names(answer) == ["lost"]
    assert (answer.json()[0]["manifest"], answer.json()[0]["manifest_yaml"]) == (None, None)


def test_totals_count_only_what_the_caller_may_read(client, jobs, reader):
    answer = client.get(f"{API}/job?search=job", headers=reader)
    assert (names(answer), answer.headers["X-Total-Count"]) == (["job-1", "job-2"], "2")
    portfolio = client.get(f"{API}/job/portfolio?search=job", headers=reader)
    assert (set(names(portfolio)), portfolio.headers["X-Total-Count"]) == ({"job-1", "job-2"}, "2")
    assert names(client.get(f"{API}/job", headers=reader)) == ["job-1", "job-2"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("sort=age", "sort is 'age'; allowed are name, -name, latest_family, "),
        ("status=gone", "status is 'gone'; allowed are starting, running, error, lost"),
        ("limit=0", "limit is 0; allowed are 1 to 1000"),
        ("limit=1001", "limit is 1001; allowed are 1 to 1000"),
        ("offset=-1", "offset is -1; allowed are 0 to "),
        (f"search={'x' * 201}", "search has 201 characters; allowed are up to 200"),
    ],
)
def test_a_wrong_value_is_refused_with_the_allowed_ones(client, admin, query, message):
    answer = client.get(f"{API}/job?{query}", headers=admin)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


@pytest.mark.parametrize("path", ["job", "job?limit=3", "job?manifests=false", "job_family"])
def test_a_list_that_the_client_has_is_not_sent_again(client, app_uow, admin, jobs, path):
    first = client.get(f"{API}/{path}", headers=admin)
    known = admin | {"If-None-Match": f'"other", W/{first.headers["ETag"]}'}

    same = client.get(f"{API}/{path}", headers=known)
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["ETag"] == first.headers["ETag"]

    with app_uow() as uow:
        uow.jobs.save(a_job("aaa", update_time=A_TIME + 1))
    changed = client.get(f"{API}/{path}", headers=known)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(
    "change",
    [
        lambda uow: uow.jobs.save(a_job("job-0", status=JobStatus.ERROR)),
        lambda uow: uow.jobs.save(a_job("job-0", infrastructure_stats={"memory": "1 MiB"})),
        lambda uow: uow.jobs.save(a_job("job-0", last_call_time=A_TIME)),
        lambda uow: uow.jobs.set_manifest("job-0", "0.0.1", "changed"),
        lambda uow: uow.version_pins.save("job-0", "0.0.1"),
        lambda uow: uow.jobs.remove("job-4", "0.0.1"),
    ],
)
@pytest.mark.parametrize("path", ["job", "job?limit=100"])
def test_each_visible_change_changes_the_tag(client, app_uow, admin, jobs, path, change):
    before = client.get(f"{API}/{path}", headers=admin).headers["ETag"]
    with app_uow() as uow:
        change(uow)
    assert client.get(f"{API}/{path}", headers=admin).headers["ETag"] != before


def test_a_total_that_grows_changes_the_tag_of_an_equal_page(client, app_uow, admin, jobs):
    before = client.get(f"{API}/job?limit=1", headers=admin)
    with app_uow() as uow:
        uow.jobs.save(a_job("older", update_time=A_TIME - 100))
    after = client.get(f"{API}/job?limit=1", headers=admin)

    assert after.content == before.content
    assert after.headers["ETag"] != before.headers["ETag"]


def test_the_portfolio_has_pages_in_the_order_of_its_scores(client, admin, jobs):
    query = {"limit": 2, "manifests": "false"}
    answer = client.get(f"{API}/job/portfolio", params=query, headers=admin)

    assert names(answer)[0] == "lost"
    assert answer.headers["X-Total-Count"] == "6"
    assert answer.json()[0]["purge_score"] >= 50
    assert answer.json()[0]["owner_email"] == "sample@example.com"
    assert answer.json()[0]["manifest_yaml"] is None


@pytest.mark.parametrize("sort", ["name", "-name", "status", "latest_job", "-latest_job"])
def test_the_portfolio_is_sorted_like_other_lists_of_jobs(client, admin, jobs, sort):
    listed = names(client.get(f"{API}/job?sort={sort}&limit=3", headers=admin))
    rated = client.get(f"{API}/job/portfolio?sort={sort}&limit=3", headers=admin)

    assert names(rated) == listed


def test_the_portfolio_is_sorted_by_scores_and_calls(client, app_uow, admin, jobs):
    with app_uow() as uow:
        uow.jobs.save(a_job("called", last_call_time=A_TIME - 50))
        uow.jobs.save(a_job("called-last", last_call_time=A_TIME))
    path = f"{API}/job/portfolio"

    called = client.get(f"{path}?sort=last_call&limit=2", headers=admin)
    scored = client.get(f"{path}?sort=-score", headers=admin)
    unknown = client.get(f"{path}?sort=age", headers=admin)

    assert names(called) == ["called-last", "called"]
    scores = [job["purge_score"] for job in scored.json()]
    assert scores == sorted(scores)
    assert (unknown.status_code, "allowed are score, -score" in unknown.text) == (400, True)


def test_families_have_pages_and_a_search(client, admin, jobs):
    answer = client.get(f"{API}/job_family?search=job&limit=2&offset=1", headers=admin)
    assert (names(answer), answer.headers["X-Total-Count"]) == (["job-1", "job-2"], "5")


def test_a_token_is_demanded_before_parameters_are_read(client):
    assert client.get(f"{API}/job?sort=age").status_code == 401


def test_users_and_escs_have_pages_and_a_search(client, app_uow, admin, clock):
    with app_uow() as uow:
        for name in ("anna_1", "anna%2", "ben"):
            uow.users.add(f"{name}@example.com", "x", clock.now())
            uow.escs.add(f"Shop of {name}", name)

    users = client.get(f"{API}/users?search=ANNA%25", headers=admin)
    escs = client.get(f"{API}/escs?search=shop+of&limit=1&offset=1", headers=admin)

    assert [user["username"] for user in users.json()] == ["anna%2@example.com"]
    assert users.headers["X-Total-Count"] == "1"
    assert len(escs.json()) == 1
    assert escs.headers["X-Total-Count"] == "3"
    assert "X-Total-Count" not in client.get(f"{API}/users", headers=admin).headers


def test_permissions_have_pages_and_a_search(client, jobs, reader):
    path = f"{API}/auth/permissions"
    answer = client.get(f"{path}?search=JOB-2", headers=reader)

    assert [permission["job_name"] for permission in answer.json()] == ["job-2"]
    assert answer.headers["X-Total-Count"] == "1"
    assert len(client.get(path, headers=reader).json()) == 2
