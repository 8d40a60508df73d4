import pytest
from racetrack_client.utils.auth import AuthError, get_auth_request_headers
from racetrack_client.utils.request import (
    EndpointUnknown,
    RequestError,
    Requests,
    ResponseError,
    parse_response,
    parse_response_list,
    parse_response_object,
)


@pytest.fixture
def get(lifecycle):
    return lambda path, **options: Requests.get(f"{lifecycle.url}/api/v1/{path}", **options)


def test_an_error_is_an_answer_like_any_other(lifecycle, answer, get):
    lifecycle.on("GET broken", answer({"error": "boom"}, 500))

    response = get("broken")

    assert (response.status_code, response.ok) == (500, False)
    with pytest.raises(ResponseError, match=r"^asking: Internal Server Error: boom$") as caught:
        parse_response(response, "asking")
    assert caught.value.status_code == 500


def test_an_unexpected_error_is_named_with_its_class(lifecycle, answer, get):
    lifecycle.on("GET broken", answer({"error": "'b'", "type": "KeyError"}, 500))
    lifecycle.on("GET refused", answer({"error": "'b'", "type": "ValueError"}, 400))

    for path, text in (
        ("broken", "Internal Server Error: KeyError: 'b'"),
        ("refused", "Bad Request: 'b'"),
    ):
        with pytest.raises(ResponseError, match=f"^asking: {text}$"):
            parse_response(get(path), "asking")


def test_an_error_without_words_names_the_url(lifecycle, answer, get):
    lifecycle.on("GET broken", answer(b"<html>", 502, "text/html"))

    with pytest.raises(
        ResponseError, match=r"^asking: 502 Bad Gateway for url: GET http://.*/broken$"
    ):
        parse_response(get("broken"), "asking")


def test_headers_are_read_whatever_their_case_and_sent_only_with_a_value(lifecycle, answer, get):
    lifecycle.on("GET x", answer({}, headers={"X-Thing": "1"}))

    response = get("x", headers={"X-Empty": None, "X-Full": "yes"})

    assert response.headers.get("x-thing", "none") == "1"
    sent = lifecycle.received[-1].headers
    assert sent["X-Full"] == "yes"
    assert "X-Empty" not in sent


def test_json_and_bytes_are_sent_with_their_type(lifecycle, answer):
    lifecycle.on("POST x", answer(None))

    Requests.post(f"{lifecycle.url}/api/v1/x", json={"a": "ö"})
    Requests.post(f"{lifecycle.url}/api/v1/x", data=b"zip")

    first, second = lifecycle.received
    assert first.json() == {"a": "ö"}
    assert first.headers["Content-Type"] == "application/json; charset=utf-8"
    assert (second.body, second.headers["Content-Type"]) == (b"zip", "application/octet-stream")


def test_parameters_become_a_query(lifecycle, answer):
    lifecycle.on("GET x?a=1+2&b=c", answer({"ok": True}))

    assert Requests.get(f"{lifecycle.url}/api/v1/x", params={"a": "1 2", "b": "c"}).json()


def test_an_unexpected_kind_of_answer_is_an_error(lifecycle, answer, get):
    lifecycle.on("GET list", answer([1]))
    lifecycle.on("GET page", answer(b"<html>", 200, "text/html"))
    lifecycle.on("GET lie", answer(b"", 200))

    assert parse_response_list(get("list"), "asking") == [1]
    with pytest.raises(ResponseError, match="expected a JSON object, got application/json"):
        parse_response_object(get("list"), "asking")
    with pytest.raises(ResponseError, match="expected a JSON list, got text/html"):
        parse_response_list(get("page"), "asking")
    with pytest.raises(ResponseError, match="is JSON, but is not"):
        parse_response(get("lie"), "asking")


def test_no_answer_names_the_url_and_what_to_check():
    with pytest.raises(
        RequestError, match=r"GET http://127\.0\.0\.1:9/x failed: .*; is it running"
    ):
        Requests.get("http://127.0.0.1:9/x", timeout=5)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "nothing"])
def test_only_http_is_spoken(url: str):
    with pytest.raises(RequestError, match="not an http or https URL"):
        Requests.get(url)


def test_a_token_stays_on_its_host_when_redirected(lifecycle, answer, serve_http):
    seen = []
    other = serve_http(lambda received: (seen.append(received), answer({"where": "other"}))[1])
    lifecycle.on("GET away", answer(None, 302, headers={"Location": f"{other}/there"}))
    lifecycle.on("GET near", answer(None, 307, headers={"Location": "/lifecycle/api/v1/info"}))
    token = get_auth_request_headers("secret")

    assert Requests.get(f"{lifecycle.url}/api/v1/away", headers=token).json() == {"where": "other"}
    assert Requests.get(f"{lifecycle.url}/api/v1/near", headers=token).ok

    assert "X-Racetrack-Auth" not in seen[0].headers
    assert lifecycle.received[-1].headers["X-Racetrack-Auth"] == "secret"


def test_an_answer_can_be_read_line_by_line(lifecycle, answer):
    lifecycle.on("GET stream", answer(b"one\r\ntwo\n", 200, "text/event-stream"))

    with Requests.stream_lines(f"{lifecycle.url}/api/v1/stream") as lines:
        assert list(lines) == ["one", "two"]
    with (
        pytest.raises(ResponseError, match="no route"),
        Requests.stream_lines(f"{lifecycle.url}/api/v1/missing"),
    ):
        pass


def test_an_authentication_error_says_so():
    assert str(AuthError("wrong")) == "authentication error: wrong"
    assert get_auth_request_headers("") == {}


@pytest.mark.parametrize(
    ("status", "body", "is_unknown"),
    [
        (404, {"detail": "Not Found"}, True),
        (405, {"detail": "Method Not Allowed"}, True),
        (404, {"error": "no job adder", "type": "EntityNotFound"}, False),
        (422, {"detail": []}, False),
    ],
)
def test_an_endpoint_that_is_not_there_differs_from_a_thing_that_is_not_there(
    serve_http, answer, status, body, is_unknown
):
    url = serve_http(lambda _: answer(body, status))

    with pytest.raises(ResponseError) as raised:
        parse_response(Requests.get(url), "asking")

    assert isinstance(raised.value, EndpointUnknown) == is_unknown
    assert raised.value.status_code == status


def test_a_body_tells_how_much_of_it_is_sent(serve_http, answer):
    received = []

    def take(request):
        received.append(request)
        return answer({})

    told: list[tuple[int, int]] = []
    Requests.post(
        serve_http(take), data=b"x" * 50_000, on_sent=lambda done, total: told.append((done, total))
    )

    assert received[0].body == b"x" * 50_000
    assert received[0].headers["Content-Length"] == "50000"
    assert len(told) > 2
    assert told[-1] == (50_000, 50_000)
