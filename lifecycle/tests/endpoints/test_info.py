import pytest


@pytest.mark.parametrize("prefix", ["", "/lifecycle"])
def test_probes_answer_at_the_root_and_below_the_base_path(client, prefix: str):
    assert client.get(f"{prefix}/live").json() == {"service": "lifecycle", "live": True}
    assert client.get(f"{prefix}/ready").json() == {"service": "lifecycle", "ready": True}
    health = client.get(f"{prefix}/health")
    assert (health.status_code, health.json()["database_connected"]) == (200, True)


def test_health_is_bad_without_a_database(client, app_uow, config):
    app_uow.engine.dispose()
    for path in config.db_path.parent.glob(f"{config.db_path.name}*"):
        path.unlink()
    config.db_path.mkdir()

    health = client.get("/health")

    assert (health.status_code, health.json()["database_connected"]) == (500, False)
    assert client.get("/ready").status_code == 503


def test_info_says_where_the_platform_is(client):
    info = client.get("/lifecycle/api/v1/info").json()
    assert info == {
        "service": "lifecycle",
        "git_version": "dev",
        "docker_tag": "",
        "auth_required": True,
        "external_pub_url": "http://127.0.0.1:7205/pub",
        "lifecycle_url": "http://testserver/lifecycle",
        "grafana_url": "http://127.0.0.1:3000",
    }


def test_metrics_carry_the_names_of_the_dashboards(client):
    text = client.get("/metrics").text
    for name in ("requested_job_deployments_total", "lifecycle_job_model_fetch_duration_bucket"):
        assert name in text
