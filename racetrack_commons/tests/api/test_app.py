import logging

import httpx
import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from prometheus_client import Counter
from pydantic import BaseModel
from racetrack_client.log.context_error import ContextError, wrap_context
from racetrack_client.log.errors import (
    AlreadyExists,
    EntityNotFound,
    ServiceUnavailable,
    TooManyRequests,
    UnauthorizedError,
    ValidationError,
)
from racetrack_commons.api.app import ApiOptions, create_api_app
from racetrack_commons.api.metrics import create_registry
from racetrack_commons.api.probes import ProbeAnswer, Probes
from racetrack_commons.testing.serving import api_client, running_server, wait_until


class Payload(BaseModel):
    manifest: dict[str, str]


class TargetIsDown(Exception):
    pass


ERRORS = {
    "validation": ValidationError("bad name"),
    "unauthorized": UnauthorizedError("who are you"),
    "missing": EntityNotFound("no job adder 1.0.0"),
    "exists": AlreadyExists("adder 1.0.0 is there"),
    "unavailable": ServiceUnavailable("in maintenance"),
    "often": TooManyRequests("too many attempts", retry_after_seconds=1.2),
    "value": ValueError("bad number"),
    "fault": RuntimeError("password=hunter2"),
    "assertion": AssertionError("x == y"),
    "down": TargetIsDown("the Docker engine does not answer"),
    "group": ExceptionGroup("all", [EntityNotFound("no job b")]),
}


def make_app(**kwargs):
    router = APIRouter(prefix="/api/v1")

    @router.get("/error/{kind}")
    def fail(kind: str) -> None:
        raise ERRORS[kind]

    @router.get("/wrapped/{kind}")
    def fail_within_words(kind: str) -> None:
        with wrap_context("deploying adder"), wrap_context("building"):
            raise ERRORS[kind]

    @router.post("/items")
    def create(payload: Payload) -> dict[str, str]:
        return payload.manifest

    @router.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]), media_type="text/event-stream")

    @router.get("/broken")
    def break_off() -> StreamingResponse:
        def body():
            yield "a"
            raise RuntimeError("broken on the way")

        return StreamingResponse(body())

    app = create_api_app(title="Lifecycle API Server", base_path="/lifecycle", **kwargs)
    app.include_router(router)
    return app


@pytest.fixture
def client():
    with api_client(make_app(options=ApiOptions(error_statuses={TargetIsDown: 500}))) as client:
        yield client


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [
        ("validation", 400, "ValidationError"),
        ("unauthorized", 401, "UnauthorizedError"),
        ("missing", 404, "EntityNotFound"),
        ("exists", 409, "AlreadyExists"),
        ("unavailable", 503, "ServiceUnavailable"),
        ("value", 400, "ValueError"),
    ],
)
def test_what_callers_cause_has_its_status_and_text(client, kind, status, name):
    response = client.get(f"/api/v1/error/{kind}")

    assert response.status_code == status
    assert response.json() == {"error": str(ERRORS[kind]), "type": name}


def test_who_asks_too_often_is_told_when_to_ask_again(client):
    response = client.get("/api/v1/error/often")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "2")
    assert response.json() == {"error": "too many attempts", "type": "TooManyRequests"}


def test_words_around_an_error_keep_its_status(client):
    response = client.get("/api/v1/wrapped/missing")

    assert response.status_code == 404
    assert response.json() == {
        "error": "deploying adder: building: no job adder 1.0.0",
        "type": "EntityNotFound",
    }


def test_a_single_error_of_a_group_is_unwrapped(client):
    assert client.get("/api/v1/error/group").json()["error"] == "no job b"


def test_a_fault_tells_nothing_of_the_inside_and_is_logged_once_with_its_traceback(client, caplog):
    with caplog.at_level(logging.ERROR):
        response = client.get("/api/v1/wrapped/fault", headers={"X-Request-Tracing-Id": "abc-1"})

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "error": "deploying adder: building: "
        "internal error, see the service's log for reference abc-1",
        "type": "ContextError",
    }
    [record] = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ContextError)
    assert "abc-1" in record.getMessage()


def test_errors_that_a_service_declares_show_their_text(client):
    response = client.get("/api/v1/error/down")

    assert response.status_code == 500
    assert response.json()["error"] == "the Docker engine does not answer"


def test_browsers_of_any_origin_may_read_answers_even_of_faults(client):
    response = client.get("/api/v1/error/assertion", headers={"Origin": "http://elsewhere"})

    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == "*"
    # The page sends a token in a header; the cookies of its visitor are none of its business.
    assert "access-control-allow-credentials" not in response.headers


def test_a_preflight_is_answered(client):
    headers = {"Origin": "http://elsewhere", "Access-Control-Request-Method": "PUT"}

    response = client.options("/api/v1/items", headers=headers)

    assert (response.status_code, response.text) == (200, "OK")
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
    assert response.headers["access-control-max-age"] == "600"


def test_a_request_that_breaks_its_schema_gets_details_and_one_line(client):
    response = client.post("/api/v1/items", json={"manifest": {"name": 1}})

    assert response.status_code == 422
    assert response.json()["error"] == "body.manifest.name: Input should be a valid string"
    assert set(response.json()["detail"][0]) == {"type", "loc", "msg", "input"}
    assert response.json()["detail"][0]["input"] is None


def test_a_refused_request_does_not_come_back_whole(client):
    response = client.post("/api/v1/items", json={"git_credentials": "hunter2" * 100})

    assert response.status_code == 422
    assert "hunter2" not in response.text


def test_a_body_over_the_limit_is_refused():
    with api_client(make_app(options=ApiOptions(max_body_bytes=100))) as client:
        assert client.post("/api/v1/items", json={"manifest": {"a": "b" * 200}}).status_code == 413


@pytest.mark.parametrize("base", ["", "/lifecycle"])
@pytest.mark.parametrize(
    "path",
    ["/live", "/ready", "/health", "/metrics", "/metrics/", "/", "/openapi.json", "/redoc"],
)
def test_routes_answer_at_the_root_and_under_the_base_path_without_redirects(client, base, path):
    assert client.get(base + path).status_code == 200


def test_the_base_path_leads_to_its_page(client):
    response = client.get("/lifecycle")

    assert response.status_code == 307
    assert response.headers["location"] == "/lifecycle/"
    assert response.text == ""


def test_a_path_that_only_begins_like_the_base_path_is_another(client):
    response = client.get("/lifecycle-of-others/live")

    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})
    assert client.get("/docs").status_code == 404


@pytest.mark.parametrize("base", ["/", "/lifecycle/"])
@pytest.mark.parametrize("page", ["", "redoc"])
def test_pages_load_nothing_from_other_hosts(client, base, page):
    html = client.get(base + page).text

    assert (
        "//" not in html.replace("http://www.w3.org", "").replace("<!--", "").split("<script>")[0]
    )
    for asset in ("swagger-ui-bundle.js", "redoc.standalone.js"):
        if asset in html:
            assert client.get(f"{base}static-offline-docs/{asset}").status_code == 200


def test_the_openapi_document_names_mounts_and_asks_for_the_token(client):
    document = client.get("/lifecycle/openapi.json").json()

    assert document["info"] == {"title": "Lifecycle API Server", "version": "1.0.0"}
    assert [server["url"] for server in document["servers"]] == ["/lifecycle", "/"]
    assert document["components"]["securitySchemes"]["racetrackAuth"] == {
        "type": "apiKey",
        "in": "header",
        "name": "X-Racetrack-Auth",
    }
    assert document["security"] == [{"racetrackAuth": []}]
    assert document["paths"]["/live"]["get"]["tags"] == ["root"]


def test_the_openapi_document_tells_how_requests_are_refused(client):
    paths = client.get("/lifecycle/openapi.json").json()["paths"]

    answers = paths["/api/v1/items"]["post"]["responses"]
    assert {"400", "401", "404", "409", "413", "422", "500", "503"} <= set(answers)
    schema = answers["400"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/ErrorBody"}
    assert set(paths["/ready"]["get"]["responses"]) == {"200", "500", "503"}
    assert list(paths["/metrics"]["get"]["responses"]["200"]["content"]) == ["text/plain"]


def test_a_body_that_is_no_text_is_refused_in_words(client):
    headers = {"Content-Type": "application/json"}
    response = client.post("/api/v1/items", content=b"\xff\xfe{", headers=headers)

    assert response.status_code == 400
    assert response.json()["error"] == response.json()["detail"]


def test_probes_answer_what_the_service_says():
    def unhealthy() -> ProbeAnswer:
        return ProbeAnswer({"service": "lifecycle", "database_connected": False}, 500)

    with api_client(make_app(probes=Probes("lifecycle", health=unhealthy))) as client:
        assert client.get("/live").json() == {"service": "lifecycle", "live": True}
        assert client.get("/ready").json() == {"service": "lifecycle", "ready": True}
        assert client.get("/lifecycle/health").status_code == 500
        assert client.get("/health").json()["database_connected"] is False


def test_metrics_have_their_contract_names_and_hold_those_of_the_service():
    registry = create_registry()
    Counter("requested_job_deployments", "Deploy requests", registry=registry).inc()
    with api_client(make_app(registry=registry)) as client:
        client.get("/api/v1/error/fault")
        wait_until(lambda: registry.get_sample_value("commons_requests_done_total") == 1)
        response = client.get("/lifecycle/metrics/")

    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "requested_job_deployments_total 1.0" in response.text
    assert "commons_internal_server_errors_total 1.0" in response.text
    assert "commons_requests_started_total 2.0" in response.text
    assert "commons_requests_done_total 1.0" in response.text
    assert 'commons_request_duration_bucket{le="750.0"} 1.0' in response.text
    assert "process_start_time_seconds" in response.text


def test_requests_are_logged_and_good_probes_are_not(client, caplog):
    def list_lines():
        return [r for r in caplog.records if r.name == "racetrack_commons.api.asgi_layers"]

    with caplog.at_level(logging.INFO, logger="racetrack_commons.api.asgi_layers"):
        client.get("/lifecycle/live")
        client.get("/api/v1/stream?a=1", headers={"X-Request-Tracing-Id": "t-1"})
        # The line is written when the answer is complete: perhaps after it has arrived here.
        wait_until(list_lines)

    [record] = list_lines()
    assert record.getMessage() == "GET /api/v1/stream?a=1 200"
    assert record.tracing_id == "t-1"


def test_two_apps_in_one_process_do_not_disturb_each_other():
    for _ in range(2):
        with api_client(make_app()) as client:
            assert client.get("/live").status_code == 200


def test_an_answer_that_breaks_on_the_way_is_not_taken_for_whole():
    with running_server(make_app()) as url, httpx.Client(trust_env=False) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            http.get(f"{url}/api/v1/broken")

        assert http.get(f"{url}/lifecycle/api/v1/stream").text == "ab"


@pytest.mark.parametrize(
    ("path", "is_open"),
    [("/api/v1/items", True), ("/admin", False), ("/admin/x", False), ("/administer", True)],
)
@pytest.mark.parametrize("prefix", ["", "/lifecycle"])
def test_a_closed_path_says_nothing_to_pages_of_other_origins(path, is_open, prefix):
    options = ApiOptions(paths_without_cors=("/admin",))
    app = create_api_app(title="A", base_path="/lifecycle", options=options)
    headers = {"Origin": "http://elsewhere", "Access-Control-Request-Method": "PUT"}
    with api_client(app) as client:
        for answer in (
            client.get(f"{prefix}{path}", headers=headers),
            client.options(f"{prefix}{path}", headers=headers),
        ):
            told = [name for name in answer.headers if name.startswith("access-control")]
            assert bool(told) is is_open
