from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from lifecycle.app import create_app
from lifecycle.endpoints.access.browser import trace_client_address
from pydantic import SecretStr

KEY = "a key that the dashboard of tests shows"
TRUSTED = (ip_network("127.0.0.0/8"), ip_network("10.1.0.0/16"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),  # every client may claim any address
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.5, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.5, 198.51.100.7", "10.1.2.3"], "198.51.100.7"),
        ("127.0.0.1", ["not an address"], "127.0.0.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("::ffff:127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("testclient", ["198.51.100.7"], "testclient"),
    ],
)
def test_the_client_is_whom_trusted_proxies_name(peer, forwarded, expected):
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    request = Request({"type": "http", "client": (peer, 1), "headers": headers})
    assert trace_client_address(request, TRUSTED) == expected


def test_a_service_with_a_token_forwards_the_address_of_the_browser():
    headers = [(b"x-forwarded-for", b"8.8.8.8, 9.9.9.9")]
    request = Request({"type": "http", "client": ("203.0.113.1", 1), "headers": headers})
    assert trace_client_address(request, (), is_sender_trusted=True) == "9.9.9.9"


@pytest.mark.parametrize(
    ("shown", "counted_for"), [(KEY, "9.9.9.9"), ("another key", "testclient"), ("", "testclient")]
)
def test_a_dashboard_with_the_key_forwards_the_address_of_the_browser(config, shown, counted_for):
    app = create_app(config.model_copy(update={"forwarding_key": SecretStr(KEY)}))
    wrong = {"username": "anna", "password": "wrong"}
    headers = {"X-Forwarded-For": "9.9.9.9", "X-Racetrack-Forwarding-Key": shown}

    with TestClient(app) as client:
        client.post("/lifecycle/api/v1/users/dashboard_session", json=wrong, headers=headers)
        with app.state.services.unit_of_work.reading() as uow:
            times = uow.login_attempts.list_times(datetime(2000, 1, 1, tzinfo=UTC), counted_for)
    assert len(times) == 1


def test_failed_log_ins_through_a_service_count_for_the_browser(client, internal, app_uow):
    wrong = {"username": "anna", "password": "wrong"}
    forwarded = {"X-Forwarded-For": "9.9.9.9"}

    client.post("/lifecycle/api/v1/users/login", json=wrong, headers=forwarded | internal)
    client.post("/lifecycle/api/v1/users/login", json=wrong, headers=forwarded)

    with app_uow.reading() as uow:
        times = uow.login_attempts.list_times(datetime(2000, 1, 1, tzinfo=UTC), "9.9.9.9")
    assert len(times) == 1
