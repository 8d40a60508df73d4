import httpx
import pytest
from dashboard.client.api import ApiError, LifecycleApi, LifecycleAway, ListPage, LoggedOut


@pytest.fixture
def ask(anyio_backend):
    """Makes an API whose requests a function answers, and keeps them."""

    def make(answer) -> tuple[LifecycleApi, list[httpx.Request]]:
        requests: list[httpx.Request] = []

        def respond(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            return answer(request)

        http = httpx.AsyncClient(transport=httpx.MockTransport(respond))
        return LifecycleApi(http, "http://lifecycle/lifecycle", "the-session"), requests

    return make


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_a_page_is_asked_for_with_the_session_and_the_given_parameters(ask):
    headers = {"X-Total-Count": "70", "ETag": '"a"'}
    api, requests = ask(lambda _: httpx.Response(200, json=[{"name": "adder"}], headers=headers))

    page = await api.find_page("job", {"limit": 1, "search": "", "status": ["error", "lost"]})

    assert page == ListPage([{"name": "adder"}], 70, '"a"')
    [request] = requests
    query = "limit=1&status=error&status=lost"
    assert str(request.url) == f"http://lifecycle/lifecycle/api/v1/job?{query}"
    assert request.headers["X-Racetrack-Auth"] == "the-session"


@pytest.mark.anyio
async def test_a_page_that_has_not_changed_is_none(ask):
    api, requests = ask(lambda _: httpx.Response(304))

    assert await api.find_page("job", known_tag='"a"') is None
    assert requests[0].headers["If-None-Match"] == '"a"'


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "error"), [("InvalidToken", LoggedOut), ("NotPermitted", ApiError)]
)
async def test_an_ended_session_is_told_from_a_missing_permission(ask, kind, error):
    body = {"error": "the reason", "type": kind}
    api, _ = ask(lambda _: httpx.Response(401, json=body))

    with pytest.raises(ApiError, match="the reason") as raised:
        await api.get("job")
    assert type(raised.value) is error


@pytest.mark.anyio
async def test_an_answer_that_is_no_json_is_an_error_with_its_status(ask):
    api, _ = ask(lambda _: httpx.Response(502, text="<html>bad gateway</html>"))

    with pytest.raises(ApiError, match="status 502"):
        await api.get("job")


@pytest.mark.anyio
async def test_lifecycle_that_does_not_answer_is_away(ask):
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    api, _ = ask(refuse)

    with pytest.raises(LifecycleAway, match="does not answer now"):
        await api.post("deploy", {})
    with pytest.raises(LifecycleAway):
        async with api.stream("job/adder/1/logs/follow"):
            pytest.fail("the stream opened")
