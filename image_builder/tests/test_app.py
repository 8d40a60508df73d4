import json

from image_builder.testing.builders import ADDER, a_payload
from racetrack_client.entities import AuthScope
from racetrack_commons.auth.token import (
    AuthSubjectType,
    AuthTokenPayload,
    encode_token,
    internal_token,
)
from racetrack_commons.testing.builders import a_manifest_dict
from racetrack_commons.testing.half_requests import send_head


def read_image(config, tag="tag-1"):
    return json.loads((config.images_dir / "adder" / tag / "image.json").read_text())


def test_a_build_makes_an_image_that_the_process_target_can_run(build, config):
    done = build()

    assert done.error is None
    assert done.result["image_tag"] == "tag-1"
    assert done.result["job_type_version"] == "python3:3.0.0"
    image = read_image(config)
    assert image["command"] == ["{python}", "adder.py", "Adder", "--port", "{port}"]
    assert image["environment"] == {
        "JOB_NAME": "adder",
        "JOB_VERSION": "0.0.1",
        "GIT_VERSION": "tar",
        "JOB_TYPE_VERSION": "3.0.0",
    }
    source = config.images_dir / "adder" / "tag-1" / image["workdir"]
    assert (source / "adder.py").read_text() == ADDER
    assert "name: adder" in (source / "job.yaml").read_text()


def test_the_phases_have_their_contract_names(build):
    assert build().phases == [
        "fetching the source code",
        "preparing job type builder",
        "building image (1/1)",
        "cleaning up the workspace",
        "finalizing the build",
    ]


def test_nothing_is_left_in_the_workspace(build, config):
    build()
    build({"other.py": ""}, deployment_id="fails")

    assert [path for path in config.workspaces_dir.rglob("*") if path.is_file()] == list(
        config.workspaces_dir.glob("*.lock")
    )


def test_the_same_content_is_not_built_again(build):
    build(tag="first", deployment_id="1")
    again = build(tag="second", deployment_id="2")
    changed = build({"adder.py": ADDER + "\n"}, tag="third", deployment_id="3")

    assert again.result["image_tag"] == "first"
    assert changed.result["image_tag"] == "third"


def test_without_the_cache_it_is_built_again(build):
    build(tag="first", deployment_id="1")
    again = build(tag="second", deployment_id="2", build_flags=["--no-cache"])

    assert again.result["image_tag"] == "second"


def test_a_builder_that_was_restarted_finds_the_image(build, start):
    build(tag="first", deployment_id="1")
    again = build(tag="first", deployment_id="1", using=start())

    assert again.result["image_tag"] == "first"
    assert "used again" in again.log


def test_only_unlimited_tokens_of_services_may_build(client):
    body = a_payload().model_dump(mode="json")
    user = AuthTokenPayload(subject="admin", subject_type=AuthSubjectType.USER)
    key = "a-key-that-only-tests-know-0123456789"
    of_pub = internal_token("pub", key, [AuthScope.CALL_JOB])
    tokens = ["", "nonsense", encode_token(user, key), of_pub]

    for path in ("/api/v1/build", "/api/v1/build/sse"):
        for token in tokens:
            assert (
                client.post(path, json=body, headers={"X-Racetrack-Auth": token}).status_code == 401
            )
    assert client.delete("/api/v1/build/1", headers={"X-Racetrack-Auth": ""}).status_code == 401


def test_a_stranger_is_refused_before_the_body_arrives(client):
    url = str(client.base_url.join("/api/v1/build"))
    assert send_head(url, {"Content-Type": "application/json"}, length=300_000_000) == 401


def test_wrong_requests_are_refused_before_the_stream(client):
    def post(**fields):
        body = a_payload(**fields).model_dump(mode="json")
        return client.post("/api/v1/build/sse", json=body)

    assert "version" in post(manifest=a_manifest_dict(version=1.0)).json()["error"]
    assert post(manifest=a_manifest_dict(name="../up")).status_code == 400
    assert post(tag="a/b").status_code == 400
    assert post(deployment_id="..").status_code == 400
    assert "--no-cache" in post(build_flags=["--network=host"]).json()["error"]
    assert "process" in post(image_kind="floppy").json()["error"]


def test_the_plain_endpoint_answers_with_the_result_or_the_error(client):
    good = client.post("/api/v1/build", json=a_payload().model_dump(mode="json"))
    bad = client.post(
        "/api/v1/build", json=a_payload({}, deployment_id="bad").model_dump(mode="json")
    )

    assert (good.status_code, good.json()["image_tag"]) == (200, "tag-1")
    assert bad.status_code == 400
    assert "entrypoint_path 'adder.py'" in bad.json()["error"]


def test_metrics_have_their_contract_names(build, client):
    build()
    build({}, deployment_id="fails")

    metrics = client.get("/metrics").text
    for line in (
        "images_built_total 1.0",
        "images_buidling_errors_total 1.0",
        'image_building_requests_total{job_name="adder",job_version="0.0.1"} 2.0',
        'image_building_done_requests_total{job_name="adder",job_version="0.0.1"} 2.0',
        "active_building_tasks 0.0",
    ):
        assert line in metrics
    assert 'phase="building image"' in metrics
    assert "image_building_request_duration_seconds_total" in metrics


def test_health_names_the_service(client):
    health = client.get("/health").json()

    assert (health["service"], health["status"]) == ("image-builder", "pass")
    assert client.get("/live").status_code == client.get("/ready").status_code == 200
