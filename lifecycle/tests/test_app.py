from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from lifecycle.app import create_app
from lifecycle.config import Config
from racetrack_client.log.errors import ServiceUnavailable


@pytest.mark.postgres
def test_it_starts_on_an_empty_postgres_schema(postgres_config: Config, admin):
    with TestClient(create_app(postgres_config)) as client:
        assert client.get("/lifecycle/ready").status_code == 200
        profile = client.get("/lifecycle/api/v1/users/validate_user_auth", headers=admin)
        assert profile.json()["username"] == "admin"
        assert client.get("/lifecycle/api/v1/job", headers=admin).json() == []


def test_it_starts_again_on_the_same_database(config: Config, admin):
    for _ in range(2):
        with TestClient(create_app(config)) as client:
            answer = client.get("/lifecycle/api/v1/users/validate_user_auth", headers=admin)
            assert answer.json()["is_staff"] is True


def test_bundled_plugins_are_installed_on_a_fresh_platform(config: Config, tmp_path: Path):
    config = config.model_copy(update={"bundled_plugins_dir": tmp_path / "none"})
    (tmp_path / "none").mkdir()
    with TestClient(create_app(config)) as client:
        assert client.get("/lifecycle/api/v1/plugin").json() == []


def test_a_generated_password_is_kept_in_a_file_for_its_owner_and_not_printed(
    config: Config, tmp_path: Path, capfd, caplog
):
    file = tmp_path / "data/first-password"
    config = config.model_copy(update={"development_mode": False, "first_password_file": file})

    with caplog.at_level("INFO"):
        create_app(config)
        password = file.read_text().strip()
        create_app(config)

    assert (file.stat().st_mode & 0o777, len(password)) == (0o600, 24)
    assert [str(file) in each.message for each in caplog.records if "admin" in each.message] == [
        True
    ]
    shown = capfd.readouterr()
    assert password not in f"{shown.out}{shown.err}{caplog.text}"


def test_without_a_place_for_the_password_nothing_starts(config: Config, tmp_path: Path):
    (tmp_path / "data").touch()
    config = config.model_copy(
        update={"development_mode": False, "first_password_file": tmp_path / "data/first-password"}
    )
    for _ in range(2):
        with pytest.raises(ServiceUnavailable, match="set ADMIN_PASSWORD, or FIRST_PASSWORD_FILE"):
            create_app(config)


def test_the_api_is_documented_with_its_guard(client):
    document = client.get("/lifecycle/openapi.json").json()
    assert document["info"]["title"] == "Lifecycle API Server"
    assert document["security"] == [{"racetrackAuth": []}]
    assert client.get("/lifecycle/").status_code == 200


METRICS = """
requested_job_deployments_total done_job_deployments_total deployed_job_total metrics_scrapes_total
lifecycle_event_stream_client_connected lifecycle_event_stream_client_disconnected
lifecycle_database_connection_opened_total lifecycle_database_connection_failed_total
lifecycle_database_connection_closed_total lifecycle_database_queries_executed_total
lifecycle_job_model_fetch_duration_bucket commons_internal_server_errors_total
commons_request_duration_bucket commons_requests_started_total commons_requests_done_total
lifecycle_active_threads_count lifecycle_tcp_connections_count lifecycle_database_connected
lifecycle_database_pool_size lifecycle_database_pool_available lifecycle_database_requests_waiting
lifecycle_database_usage_ms lifecycle_database_requests_num lifecycle_database_requests_queued
lifecycle_database_requests_wait_ms lifecycle_database_requests_errors
lifecycle_database_connections_num lifecycle_database_connections_ms
lifecycle_database_connections_errors process_start_time_seconds process_resident_memory_bytes
"""


@pytest.mark.parametrize("name", METRICS.split())
def test_dashboards_find_the_metrics_that_they_know(client, name):
    lines = client.get("/lifecycle/metrics").text.splitlines()

    assert any(line.startswith((f"{name} ", f"{name}{{")) for line in lines)
