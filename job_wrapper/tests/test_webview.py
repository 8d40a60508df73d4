"""Pages of a job: bodies of every size and kind reach WSGI apps whole, and WebSockets reach ASGI apps."""

from collections.abc import Iterator

import pytest

PAGE = "/api/v1/webview"


class Measuring:
    """A page that reads bodies as older WSGI apps do: by the declared length, by lines, or to the end."""

    def perform(self):
        return 1

    def webview_app(self, base_url):
        def app(environ, start_response):
            start_response("200 OK", [("content-type", "text/plain")])
            stream = environ["wsgi.input"]
            if environ["PATH_INFO"].endswith("/length"):
                size = len(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))
            elif environ["PATH_INFO"].endswith("/lines"):
                size = sum(len(line) for line in iter(lambda: stream.readline(65536), b""))
            else:
                size = len(stream.read())
            return [f"{size} {'HTTP_TRANSFER_ENCODING' in environ}".encode()]

        return app


def in_chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 10_000):
        yield b"x" * 9_999 + b"\n"


@pytest.mark.parametrize("way", ["length", "lines", "end"])
def test_a_body_reaches_a_wsgi_page_whole(serve_job, way):
    client = serve_job(Measuring)

    for size in (0, 30_000, 300_000, 3_000_000):
        chunked = client.post(f"{PAGE}/{way}", content=in_chunks(size))
        plain = client.post(f"{PAGE}/{way}", content=b"".join(in_chunks(size)))
        assert (chunked.text, plain.text) == (f"{size} False", f"{size} False")


def test_a_page_that_raises_answers_in_json(serve_job):
    class Broken(Measuring):
        def webview_app(self, base_url):
            def app(environ, start_response):
                raise ValueError("no page")

            return app

    client = serve_job(Broken)

    answer = client.get(PAGE)

    assert (answer.status_code, answer.json()) == (500, {"error": "no page", "type": "ValueError"})
    assert "commons_internal_server_errors_total 1.0" in client.get("/metrics").text
