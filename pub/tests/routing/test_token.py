import pytest
from pub.routing.token import find_token, remove_auth_cookies


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([], ""),
        ([(b"x-racetrack-auth", b"a")], "a"),
        ([(b"x-racetrack-esc-auth", b"b"), (b"x-racetrack-auth", b"a")], "a"),
        ([(b"x-racetrack-user-auth", b"c"), (b"x-racetrack-esc-auth", b"b")], "b"),
        ([(b"x-racetrack-user-auth", b"c")], "c"),
        ([(b"x-racetrack-auth", b"a"), (b"cookie", b"X-Racetrack-Auth=x")], "a"),
        ([(b"x-racetrack-esc-auth", b"b"), (b"cookie", b"X-Racetrack-Auth=x")], "x"),
        ([(b"x-racetrack-auth", b""), (b"cookie", b"X-Racetrack-Auth=x")], "x"),
        ([(b"cookie", b"theme=dark"), (b"cookie", b"a=b; X-Racetrack-Auth=x%2Fy+z")], "x/y z"),
        ([(b"cookie", b"X-Racetrack-Auth=x%2")], ""),
        ([(b"authorization", b"Bearer a")], ""),
        ([(b"x-racetrack-auth", b"a\tb")], ""),
        ([(b"cookie", b"X-Racetrack-Auth=a%0D%0AX-Other:%201")], ""),
    ],
)
def test_the_first_token_in_the_order_of_the_contract_counts(headers, token):
    assert find_token(headers) == token


def test_cookies_that_hold_tokens_are_removed():
    cookie = b"X-Racetrack-Auth=a; theme=dark; x-racetrack-user-auth=b; x=X-Racetrack-Auth"
    assert remove_auth_cookies(cookie) == b"theme=dark; x=X-Racetrack-Auth"
    assert remove_auth_cookies(b"X-Racetrack-Esc-Auth=a") == b""
