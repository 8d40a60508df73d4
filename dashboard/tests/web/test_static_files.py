from collections.abc import Iterator

import httpx
import pytest
from dashboard.web.static_files import CompressedFiles, make_static_path
from racetrack_commons.testing.serving import api_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

LIBRARY = "/_nicegui/3.0/static/library.js"


@pytest.fixture
def reads() -> list[str]:
    """The paths that the app behind the memory was asked for."""
    return []


@pytest.fixture
def client(reads) -> Iterator[httpx.Client]:
    async def read(request: Request) -> PlainTextResponse:
        reads.append(request.url.path)
        status = 404 if "missing" in request.url.path else 200
        media_type = "font/woff2" if request.url.path.endswith("woff2") else "text/javascript"
        return PlainTextResponse("const a = 1; " * 100, status, media_type=media_type)

    app = Starlette(routes=[Route("/{path:path}", read)])
    with api_client(CompressedFiles(app, "3.0")) as client:
        yield client


def test_a_file_with_a_version_is_compressed_once_and_kept_by_browsers(client, reads):
    answers = [client.get(LIBRARY) for _ in range(3)]

    assert reads == [LIBRARY]
    for answer in answers:
        assert answer.text == "const a = 1; " * 100
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) < 100
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["vary"] == "Accept-Encoding"


def test_a_font_is_kept_as_it_is(client, reads):
    path = "/dashboard/_nicegui/3.0/static/fonts/a.woff2"
    answers = [client.get(path) for _ in range(2)]
    assert {"content-encoding" in answer.headers for answer in answers} == {False}
    assert reads == [path]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/_nicegui/2.0/static/library.js", {}),
        ("/_nicegui/3.0/dynamic_resources/a.js", {}),
        ("/static/dashboard.css", {}),
        ("/_nicegui/3.0/static/missing.js", {}),
        ("/dashboard/jobs", {}),
        (LIBRARY, {"Accept-Encoding": "identity"}),
    ],
    ids=["other library", "made for a visitor", "no version", "missing", "page", "no gzip"],
)
def test_other_answers_are_not_kept(client, reads, path, headers):
    for _ in range(2):
        assert "cache-control" not in client.get(path, headers=headers).headers
    assert len(reads) >= 2


def test_another_spelling_of_a_path_takes_no_memory(client, reads):
    for _ in range(2):
        assert client.get("/_nicegui/3.0/static//library.js").is_success
    assert len(reads) == 2


def test_the_path_of_a_file_of_ours_has_its_version(client):
    path = make_static_path("dashboard.css")
    assert path.startswith("/dashboard/static/dashboard.css?v=")
    assert "immutable" in client.get(path).headers["cache-control"]
