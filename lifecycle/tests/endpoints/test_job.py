from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import a_job

API = "/lifecycle/api/v1/job"


def test_the_portfolio_lists_jobs_with_the_worst_first(client, app_uow, admin):
    with app_uow() as uow:
        uow.jobs.save(a_job("good"))
        uow.jobs.save(a_job("lost", status=JobStatus.LOST))

    rated = client.get(f"{API}/portfolio", headers=admin).json()

    assert [job["name"] for job in rated] == ["lost", "good"]
    lost = rated[0]
    assert lost["pub_url"].endswith("/pub/job/lost/0.0.1")
    assert lost["purge_score"] >= 50
    assert lost["purge_newer_versions"] == 0
    assert lost["last_call_time_days_ago"] is None
    assert lost["update_time_days_ago"] > 0
    assert "lost" in lost["purge_reasons"]


def test_the_graph_shows_what_the_caller_may_read(client, app_uow, admin):
    with app_uow() as uow:
        uow.jobs.save(a_job("adder"))

    graph = client.get(f"{API}/graph", headers=admin).json()

    assert [node["id"] for node in graph["nodes"]] == ["job-family-adder"]
    assert graph["nodes"][0]["subtitle"].endswith("/pub/job/adder/0.0.1")
    assert graph["edges"] == []


def test_both_need_a_token(client):
    assert client.get(f"{API}/graph").status_code == 401
    assert client.get(f"{API}/portfolio").status_code == 401
