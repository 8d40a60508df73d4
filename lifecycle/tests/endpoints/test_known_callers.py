"""Callers who are known by what they show, before the database is asked."""

import base64

import pytest
from lifecycle.app import create_app
from lifecycle.auth.browser_sessions import SessionPurpose
from lifecycle.endpoints.dependencies import is_of_known_caller
from racetrack_commons.auth.cookies import PANEL_COOKIE
from racetrack_commons.auth.token import admin_token
from starlette.datastructures import Headers

FORGED = admin_token("another key, which is long enough")
UNSIGNED = base64.b64encode(b'{"esc-id": "some-esc", "api-key": "a guess"}').decode()


@pytest.mark.parametrize(
    ("headers", "is_known"),
    [
        ({}, False),
        ({"x-racetrack-auth": FORGED}, False),
        ({"x-racetrack-auth": UNSIGNED}, False),
        ({"x-racetrack-auth": FORGED, "cookie": "a=b"}, False),
        ({"x-racetrack-auth": "{token}"}, True),
        ({"x-racetrack-auth": FORGED, "x-racetrack-service-auth": "{token}"}, True),
        ({"cookie": f"a=b; {PANEL_COOKIE}={{session}}"}, True),
        ({"cookie": f"{PANEL_COOKIE}={FORGED}"}, False),
    ],
)
def test_callers_are_known_by_what_this_platform_has_signed(config, headers, is_known):
    sessions = create_app(config).state.services.sessions
    token = admin_token(config.auth_key.get_secret_value())
    opened = sessions.open(token, [SessionPurpose.PANEL])
    shown = {
        name: value.format(token=token, session=opened[SessionPurpose.PANEL])
        for name, value in headers.items()
    }
    assert is_of_known_caller(sessions, Headers(shown)) == is_known


def test_where_no_token_is_required_everyone_is_known(config):
    app = create_app(config.model_copy(update={"auth_required": False}))
    assert is_of_known_caller(app.state.services.sessions, Headers({}))
