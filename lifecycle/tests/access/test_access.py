"""Every route and every kind of caller, against the two tables of docs/access.md."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from lifecycle.auth.browser_sessions import SessionPurpose
from racetrack_commons.testing.builders import a_manifest_dict

TABLES = Path(__file__).parents[3] / "docs" / "access.md"
MANIFEST = a_manifest_dict(version="0.0.2")
PATH_VALUES = {
    "job_name": "adder",
    "job_version": "0.0.1",
    "scope": "read_job",
    "endpoint": "api/v1/perform",
    "esc_id": "esc-1",
    "token_id": "gone",
    "permission_id": "0",
    "username": "somebody",
    "source_family_name": "other",
    "target_family_name": "adder",
    "plugin_name": "gone",
    "plugin_version": "1.0.0",
    "filename": "plugin.zip",
    "deploy_id": "deployment-1",
    "call_id": "gone",
    "table": "registry_setting",
    "record_id": "gone",
}


@dataclass(frozen=True)
class Example:
    """The request to a route, and the status of its answer to permitted callers."""

    body: Any = None
    query: str = ""
    path: dict[str, str] = field(default_factory=dict)
    answer: int = 200


# The parts of requests beyond PATH_VALUES; most answer 200 to a request without a body. Those that
# would wait for a deployment are refused with 409, because one of adder 0.0.1 is at work.
EXAMPLES = {
    "GET /api/v1/auth/allowed/job/{job_name}/{job_version}/scope/{scope}": Example(answer=202),
    "GET /api/v1/auth/allowed/job_endpoint/{job_name}/{job_version}/scope/{scope}"
    "/endpoint/{endpoint:path}": Example(path={"scope": "call_job"}, answer=202),
    "GET /api/v1/auth/explain": Example(query="job=adder&subject=somebody"),
    "GET /api/v1/auth/permissions": Example(query="subject=somebody"),
    "POST /api/v1/auth/permissions": Example({"subject": "somebody", "scope": "read_job"}),
    "DELETE /api/v1/auth/permissions/{permission_id:int}": Example(answer=404),
    "POST /api/v1/auth/token/user": Example({"expiry_time": None}),
    "DELETE /api/v1/auth/token/user/{token_id}": Example(answer=404),
    "POST /api/v1/build": Example({"manifest": MANIFEST}),
    "POST /api/v1/deploy": Example({"manifest": MANIFEST}),
    "PUT /api/v1/deploy/{deploy_id}/phase": Example({"phase": "building image"}),
    "PUT /api/v1/deploy/{deploy_id}/warnings": Example({"warnings": "careful"}),
    "POST /api/v1/escs": Example({"name": "another"}),
    "PUT /api/v1/escs/{esc_id}": Example({"name": "another"}),
    "POST /api/v1/manifest/check": Example({"manifest_yaml": ""}),
    "POST /api/v1/escs/{esc_id}/auth_token": Example({"expiry_time": None}),
    "DELETE /api/v1/escs/{esc_id}/auth_token/{token_id}": Example(answer=404),
    "POST /api/v1/job/async/call": Example({}, answer=422),
    "GET /api/v1/job/async/call/{call_id}": Example(answer=404),
    "PUT /api/v1/job/async/call/{call_id}": Example({}, answer=422),
    "DELETE /api/v1/job/async/call/{call_id}": Example(answer=404),
    "POST /api/v1/job/async/new": Example({}, answer=422),
    "POST /api/v1/job/async/claim": Example({"lease": {"holder": "a", "seconds": 9}, "limit": 1}),
    "POST /api/v1/job/async/renew": Example({"holders": {}, "seconds": 9}),
    "GET /api/v1/job/async/call/{call_id}/status": Example(answer=404),
    "PUT /api/v1/job/async/call/{call_id}/end": Example(
        {"holder": "a", "status": "completed"}, answer=409
    ),
    "PUT /api/v1/job/async/call/{call_id}/release": Example(
        {"holder": "a", "claimable_after_seconds": 0}, answer=409
    ),
    "PUT /api/v1/job/async/call/{call_id}/delivery": Example({"forget_after_seconds": 30}),
    "POST /api/v1/job/async/own": Example({"limit": 0}, answer=422),
    "POST /api/v1/job/async/call/{call_id}/visit": Example({}, answer=404),
    "PUT /api/v1/job/async/call/{call_id}/cancel": Example({}, answer=404),
    "DELETE /api/v1/job/{job_name}/{job_version}": Example(answer=409),
    "PUT /api/v1/job/{job_name}/{job_version}/manifest": Example({"manifest_yaml": ""}, answer=400),
    "POST /api/v1/job/{job_name}/{job_version}/move": Example(
        {"infrastructure_target": ""}, answer=400
    ),
    "POST /api/v1/job/{job_name}/{job_version}/redeploy": Example(answer=409),
    "POST /api/v1/job/{job_name}/{job_version}/reprovision": Example(answer=409),
    "POST /api/v1/job/{job_name}/{job_version}/rollback": Example(answer=404),
    "GET /api/v1/plugin/{plugin_name}/docs": Example(answer=404),
    "GET /api/v1/plugin/{plugin_name}/{plugin_version}/config": Example(answer=404),
    "PUT /api/v1/plugin/{plugin_name}/{plugin_version}/config": Example(
        {"config_data": ""}, answer=404
    ),
    "GET /api/v1/plugin/{plugin_name}/{plugin_version}/download": Example(answer=404),
    "DELETE /api/v1/plugin/{plugin_name}/{plugin_version}": Example(answer=404),
    "POST /api/v1/plugin/{plugin_name}/run": Example({}, answer=404),
    "POST /api/v1/plugin/upload": Example(answer=422),
    "POST /api/v1/plugin/upload/{filename}": Example(answer=400),
    "PUT /api/v1/maintenance": Example({"maintenance_mode": False}),
    "POST /api/v1/records/table/{table}": Example({"fields": {"name": "x"}}),
    "POST /api/v1/records/table/{table}/count": Example({}),
    "POST /api/v1/records/table/{table}/list": Example({}),
    "POST /api/v1/records/table/{table}/names": Example({"record_ids": []}),
    "POST /api/v1/records/table/{table}/search": Example({}),
    "GET /api/v1/records/table/{table}/id/{record_id}": Example(answer=404),
    "PUT /api/v1/records/table/{table}/id/{record_id}": Example({"fields": {}}, answer=404),
    "DELETE /api/v1/records/table/{table}/id/{record_id}": Example(answer=404),
    "DELETE /api/v1/records/table/{table}/many": Example({"record_ids": []}),
    "POST /api/v1/calls": Example({"calls": []}),
    "POST /api/v1/users": Example({"username": "anna", "password": "weak"}, answer=400),
    "PUT /api/v1/users/{username}": Example({}),
    "PUT /api/v1/users/{username}/password": Example({"new_password": "weak"}, answer=400),
    "PUT /api/v1/users/change_password": Example(
        {"old_password": "admin", "new_password": "weak"}, answer=400
    ),
    "POST /api/v1/users/login": Example({}, answer=422),
    "POST /api/v1/users/job_session": Example({}, answer=422),
    "DELETE /api/v1/users/job_session": Example({"session": "gone"}, answer=204),
    "POST /api/v1/users/dashboard_session": Example({}, answer=422),
    "DELETE /api/v1/users/dashboard_session": Example(answer=204),
    "POST /api/v1/users/register": Example({"username": "anna", "password": ""}, answer=400),
    "GET /websocket/events": Example(answer=405),
    "WS /websocket/events": Example(answer=101),
    "GET /websocket/changes": Example(answer=405),
    "WS /websocket/changes": Example(answer=101),
    "MOUNT /static-offline-docs": Example(answer=307),
    # They have logins of their own.
    "MOUNT /admin": Example(answer=307),
    "MOUNT /socket.io": Example(answer=307),
}


def read_tables() -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Read the callers that pass each guard, and the guard of each route."""
    guards: dict[str, dict[str, str]] = {}
    routes: dict[str, str] = {}
    header: list[str] = []
    for line in TABLES.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| caller"):
            header = cells[1:]
        elif line.startswith("| `"):
            routes[cells[0].strip("`")] = cells[1]
        elif line.startswith("| ") and len(cells) == len(header) + 1:
            guards[cells[0]] = dict(zip(header, cells[1:], strict=True))
    return guards, routes


WHO_MAY, GUARD_OF = read_tables()


def list_routes(lifecycle) -> Iterator[str]:
    """List what the app serves, as `GET /path`; websockets as `WS`, other apps as `MOUNT`."""
    for context in iter_route_contexts(lifecycle.app.routes):
        name = type(context.original_route).__name__
        kinds = {"Mount": ["MOUNT"], "APIWebSocketRoute": ["WS"], "WebSocketRoute": ["WS"]}
        for method in kinds.get(name) or sorted((context.methods or set()) - {"HEAD"}):
            yield f"{method} {context.path}"


def test_the_tables_name_every_route_of_the_app_and_no_other(lifecycle):
    served = set(list_routes(lifecycle))
    missing, gone = served - set(GUARD_OF), set(GUARD_OF) - served
    assert not missing, f"add these routes to {TABLES.name}, with their guard: {sorted(missing)}"
    assert not gone, f"these routes of {TABLES.name} are gone: {sorted(gone)}"


def test_the_tables_know_every_caller_and_every_guard(world):
    assert set(WHO_MAY) == set(world.headers)
    assert set(GUARD_OF.values()) <= set(next(iter(WHO_MAY.values())))


@pytest.mark.parametrize("route", GUARD_OF)
def test_callers_get_what_the_tables_say(lifecycle, world, route):
    method, path = route.replace("MOUNT", "GET").split(" ")
    example = EXAMPLES.get(route, Example())
    wrong = {}
    for caller, headers in world.headers.items():
        cell = WHO_MAY[caller][GUARD_OF[route]]
        expected = {"yes": example.answer, "-": 401}.get(cell) or int(cell)
        answered = lifecycle.ask(
            method,
            fill_in(path, example),
            headers,
            b"" if example.body is None else json.dumps(example.body).encode(),
        )
        if answered != expected:
            wrong[caller] = f"got {answered} and not {expected}"
        if method != "GET" and answered < 400:
            world.snapshot.restore()

    assert not wrong


ASKS = "GET /api/v1/auth/can-call-job/{job_name}/{job_version}"
PASSED = {
    SessionPurpose.JOBS: {f"{ASKS}/{{endpoint:path}}", ASKS},
    SessionPurpose.PANEL: set(),
    SessionPurpose.DASHBOARD: {
        route
        for route, guard in GUARD_OF.items()
        if WHO_MAY["admin"][guard] == "yes" and guard != "open" and not route.startswith(ASKS)
    },
}


@pytest.mark.parametrize("purpose", SessionPurpose)
def test_a_session_of_a_browser_passes_the_guards_of_its_purpose(lifecycle, world, purpose):
    token = world.headers["admin"]["X-Racetrack-Auth"]
    passed = set()
    for route, guard in GUARD_OF.items():
        session = lifecycle.services.sessions.open(token, [purpose])[purpose]
        headers = {"X-Racetrack-Auth": session}
        method, path = route.replace("MOUNT", "GET").split(" ")
        example = EXAMPLES.get(route, Example())
        body = b"" if example.body is None else json.dumps(example.body).encode()
        answered = lifecycle.ask(method, fill_in(path, example), headers, body)
        passed |= {route} if guard != "open" and answered != 401 else set()
        if method != "GET" and answered < 400:
            world.snapshot.restore()

    assert passed == PASSED[purpose]


@pytest.mark.parametrize("route", GUARD_OF)
@pytest.mark.parametrize(
    "caller", ["nobody: no token", "nobody: garbage", "user without permissions"]
)
def test_where_no_token_is_demanded_everybody_may_do_everything(
    open_lifecycle, world, route, caller
):
    method, path = route.replace("MOUNT", "GET").split(" ")
    example = EXAMPLES.get(route, Example())
    body = b"" if example.body is None else json.dumps(example.body).encode()
    answered = open_lifecycle.ask(method, fill_in(path, example), world.headers[caller], body)
    if method != "GET" and answered < 400:
        world.snapshot.restore()
    has_no_tokens = "auth/token/user" in route and "all" not in route and "nobody" in caller
    assert answered == (404 if has_no_tokens and method == "POST" else example.answer)


def fill_in(path: str, example: Example) -> str:
    for name, value in (PATH_VALUES | example.path).items():
        path = re.sub(rf"{{{name}(:\w+)?}}", value, path)
    return f"{path}?{example.query}" if example.query else path
