"""Bodies: small ones by default, and none from callers whom the route's guard refuses."""

import httpx
import pytest
from lifecycle.app import create_app
from racetrack_commons.auth.token import AuthSubjectType, AuthTokenPayload, encode_token
from racetrack_commons.testing.half_requests import send_head
from racetrack_commons.testing.serving import running_server

MEGABYTE = 1024**2
GUARDED = [
    "/api/v1/deploy",
    "/api/v1/build",
    "/api/v1/plugin/upload",
    "/api/v1/plugin/upload/sun.zip",
    "/api/v1/job/async/new",
    "/api/v1/records/table/registry_job/list",
    "/api/v1/escs",
]
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.fixture
def server(config):
    with running_server(create_app(config)) as url:
        yield url


def test_a_stranger_is_refused_before_the_body_arrives(server):
    statuses = {
        path: send_head(f"{server}{path}", FORM if path.endswith("/upload") else JSON, length=1000)
        for path in GUARDED
    }
    assert statuses == dict.fromkeys(GUARDED, 401)


def test_a_caller_without_the_permission_is_refused_before_the_body_arrives(server, config):
    payload = AuthTokenPayload(
        subject="limited", subject_type=AuthSubjectType.INTERNAL, scopes=["read_job"]
    )
    token = encode_token(payload, config.auth_key.get_secret_value())
    statuses = [
        send_head(f"{server}{path}", FORM | {"X-Racetrack-Auth": token}, length=1000)
        for path in ("/api/v1/job/async/new", "/api/v1/plugin/upload")
    ]
    assert statuses == [401, 401]


def test_a_body_beyond_the_limit_of_its_route_is_refused_unread(server, admin):
    too_large = {
        "/api/v1/users/login": 300 * MEGABYTE,
        "/api/v1/users/register": 100_000,
        "/api/v1/auth/permissions": 2 * MEGABYTE,
        "/admin/login": 2 * MEGABYTE,
        "/api/v1/deploy": 2048 * MEGABYTE,
    }
    statuses = {
        path: send_head(f"{server}{path}", JSON | admin, length=length)
        for path, length in too_large.items()
    }
    assert statuses == dict.fromkeys(too_large, 413)


def test_a_body_within_the_limit_of_its_route_is_read(server, admin):
    for path, size in {"/api/v1/deploy": 2 * MEGABYTE, "/api/v1/users/login": 60_000}.items():
        answer = httpx.post(f"{server}{path}", json={"manifest": "x" * size}, headers=admin)
        assert answer.status_code == 422
