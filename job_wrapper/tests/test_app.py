"""The routes of a served job: calls, probes, metrics, files, documentation and web pages."""

import gzip
import socket
import sys
import tracemalloc
import zlib

import pytest
from racetrack_job_wrapper.entrypoint import JobEntrypoint
from racetrack_job_wrapper.request import MAX_DECOMPRESSED_BYTES, MAX_MEMBERS, decode_body

PERFORM = "/api/v1/perform"


class Adder:
    def perform(self, numbers: list[float]) -> float:
        """Add numbers."""
        return sum(numbers)

    def docs_input_example(self) -> dict:
        return {"numbers": [40, 2]}


class Uncallable:
    def perform(self) -> None:
        raise AssertionError("called")


@pytest.mark.parametrize(
    "prefix", ["", "/pub/job/adder/latest", "/pub/job/other/9.9", "/pub/fatman/adder/1.x"]
)
def test_a_job_is_called_at_the_root_and_under_every_version(serve_job, prefix):
    response = serve_job(Adder())

    response = response.post(f"{prefix}{PERFORM}", json={"numbers": [40, 2]})

    assert (response.status_code, response.text) == (200, "42")
    assert response.headers["content-type"] == "application/json"


def test_a_call_for_another_job_is_refused_before_the_job_sees_it(serve_job):
    client = serve_job(Uncallable())
    headers = {"X-Racetrack-Job": "other 1.2.3"}

    stray = client.post(f"/pub/job/other/1.2.3{PERFORM}", json={}, headers=headers)

    assert (stray.status_code, stray.headers["x-racetrack-job"]) == (421, "adder 1.2.3")
    assert stray.json() == {
        "error": "this is job adder 1.2.3, not other 1.2.3",
        "type": "MisdirectedCall",
    }


def test_a_call_that_names_this_job_is_answered(serve_job):
    headers = {"X-Racetrack-Job": "adder 1.2.3"}
    response = serve_job(Adder()).post(PERFORM, json={"numbers": [1, 2]}, headers=headers)
    assert response.text == "3"


def test_a_path_that_only_looks_like_a_job_is_not_found(serve_job):
    assert serve_job(Adder()).get("/job/adder/latest/live").status_code == 404


def test_probes_answer_as_lifecycle_expects(serve_job):
    client = serve_job(Adder())

    assert client.get("/live").json() == {"live": True, "deployment_timestamp": "1700"}
    assert client.get("/pub/job/adder/latest/ready").json() == {"ready": True}
    health = client.get("/health")
    assert health.status_code == 200
    assert health.json() == {
        "service": "job",
        "job_name": "adder",
        "live": True,
        "ready": True,
        "status": "pass",
        "error": None,
        "job_version": "1.2.3",
        "git_version": None,
        "deployed_by_racetrack_version": None,
        "deployment_timestamp": "1700",
        "job_type_version": None,
    }


def test_a_job_that_failed_to_load_tells_why_and_stays_up(serve_job):
    class Broken:
        def __init__(self) -> None:
            raise RuntimeError("no model") from KeyError("weights")

    client = serve_job(Broken)

    live = client.get("/live")
    assert live.status_code == 500
    assert live.json()["live"] is False
    assert live.json()["error"].startswith("no model, cause=KeyError")
    assert client.get("/ready").status_code == 500
    assert client.get("/health").json()["status"] == "fail"
    assert client.post(PERFORM, json={}).status_code == 500


def test_a_call_while_the_job_is_starting_is_asked_to_come_again(serve_job):
    client = serve_job(None)

    response = client.post("/pub/job/adder/latest/api/v1/perform", json={})

    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert client.get("/live").status_code == 200
    assert client.get("/ready").json() == {"ready": False}
    assert client.get("/metrics").status_code == 200


def test_a_job_that_exits_while_loading_stays_up_to_tell(serve_job):
    class Exiting:
        def __init__(self) -> None:
            sys.exit(3)

    assert serve_job(Exiting).get("/live").json()["error"].startswith("3, cause=SystemExit")


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"numbers": [1]}', {}, 200),
        (b'{"numbers": [1]}', {"content-type": "application/vnd.x+json"}, 200),
        (b'{"numbers": [1]}', {"content-type": "text/plain"}, 422),
        (b"[1]", {"content-type": "application/json"}, 422),
        (b"{", {"content-type": "application/json"}, 422),
        (b"\xff", {"content-type": "application/json"}, 422),
        (b"[" * 100_000, {"content-type": "application/json"}, 422),
    ],
)
def test_only_json_objects_are_arguments(serve_job, content, headers, status):
    assert serve_job(Adder()).post(PERFORM, content=content, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("GZIP", lambda body: gzip.compress(body[:5]) + gzip.compress(body[5:])),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("identity", bytes),
        ("deflate, gzip", lambda body: gzip.compress(zlib.compress(body))),
    ],
)
def test_compressed_bodies_are_read(serve_job, encoding, compress):
    body = compress(b'{"numbers": [40, 2]}')

    answer = serve_job(Adder()).post(PERFORM, content=body, headers={"content-encoding": encoding})

    assert answer.json() == 42


def test_a_body_that_can_not_be_decompressed_is_refused(serve_job):
    client = serve_job(Adder())

    def post(encoding, body):
        return client.post(PERFORM, content=body, headers={"content-encoding": encoding})

    unknown = post("br", b"x")
    assert (unknown.status_code, unknown.headers["accept-encoding"]) == (415, "gzip, deflate")
    assert unknown.json()["type"] == "UnknownEncoding"
    assert "send it as gzip" in unknown.json()["error"]
    bomb = post("gzip", gzip.compress(bytes(MAX_DECOMPRESSED_BYTES + 1)))
    assert (bomb.status_code, bomb.json()["type"]) == (413, "BodyTooLarge")
    broken = [post("gzip", b"{}"), post("gzip", gzip.compress(b"{}")[:-4]), post("deflate", b"{}")]
    assert [each.status_code for each in broken] == [422] * 3
    assert "is not gzip" in broken[0].json()["detail"][0]["msg"]


@pytest.mark.parametrize(
    ("encoding", "body", "said"),
    [
        ("gzip", gzip.compress(b"") * MAX_MEMBERS + gzip.compress(b"{}"), "compress it as one"),
        ("deflate", b"\3\0" * MAX_MEMBERS + b"\3\0", "compress it as one"),
        ("gzip, gzip, gzip", b"", "is compressed 3 times"),
    ],
)
def test_a_body_that_costs_more_to_decompress_than_to_send_is_refused(
    serve_job, encoding, body, said
):
    headers = {"content-encoding": encoding}

    answer = serve_job(Adder()).post(PERFORM, content=body, headers=headers)

    assert answer.status_code == 422
    assert said in answer.json()["detail"][0]["msg"]


@pytest.mark.parametrize("wbits", [31, 15, -15])
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_body_is_whole_whatever_the_parts_in_which_it_is_decompressed(wbits, beyond):
    body = b"0" * (2 * 1024 * 1024 + beyond)
    encoding = "gzip" if wbits == 31 else "deflate"

    compressed = zlib.compress(body, wbits=wbits)

    assert decode_body(compressed, {"content-encoding": encoding}) == body


def test_decompression_takes_no_more_memory_than_the_body_and_a_part():
    body = gzip.compress(bytes(MAX_DECOMPRESSED_BYTES))
    tracemalloc.start()
    try:
        assert len(decode_body(body, {"content-encoding": "gzip"})) == MAX_DECOMPRESSED_BYTES
        assert tracemalloc.get_traced_memory()[1] < 1.5 * MAX_DECOMPRESSED_BYTES
    finally:
        tracemalloc.stop()


def test_auxiliary_endpoints_and_their_examples(serve_job):
    class Job(Adder):
        def auxiliary_endpoints(self) -> dict:
            return {"/explain": self.explain, "random": lambda: 4}

        def explain(self, x: int = 1) -> int:
            return x

        def docs_input_examples(self) -> dict:
            return {"/explain": {"x": 5}}

    client = serve_job(Job())

    assert client.post("/api/v1/explain", json={"x": 3}).json() == 3
    assert client.post("/api/v1/random/").json() == 4
    assert client.get("/api/v1/explain").status_code == 405
    expected = {"/perform": {"numbers": [40, 2]}, "/explain": {"x": 5}}
    assert client.get("/api/v1/examples").json() == expected


def test_the_base_class_documents_no_example(serve_job):
    class Job(JobEntrypoint):
        def perform(self, x: int) -> int:
            return x

    assert serve_job(Job()).get("/api/v1/examples").json() == {}


@pytest.mark.parametrize("example", [[1], {"x": object()}, {"x": "y" * 1_100_000}])
def test_a_bad_example_keeps_the_job_from_loading(serve_job, example):
    class Job(Adder):
        def docs_input_example(self) -> dict:
            return example

    error = serve_job(Job()).get("/live").json()["error"]

    assert error.startswith("invalid docs input example:")


def test_parameters_are_listed(serve_job):
    class Job:
        def perform(self, x: int, *, y: str = "a") -> None: ...

    assert serve_job(Job()).get("/api/v1/parameters").json() == [
        {"name": "x", "type": "int"},
        {"name": "y", "default_value": "a", "type": "str"},
    ]


def test_metrics_have_their_published_names(serve_job):
    class Job(Adder):
        def metrics(self) -> list[dict]:
            return [{"name": "job_positives", "value": 3, "labels": {"color": "blue"}}]

    client = serve_job(Job())
    client.post(PERFORM, json={"numbers": [1]})
    client.post(PERFORM, json={})
    text = client.get("/metrics").text

    for line in (
        "requests_started_total 2.0",
        "requests_done_total 2.0",
        'endpoint_requests_started_total{endpoint="/perform"} 2.0',
        'request_internal_errors_total{endpoint="/perform"} 1.0',
        'request_duration_count{endpoint="/perform"} 2.0',
        'job_positives{color="blue"} 3.0',
        "commons_requests_started_total 3.0",
    ):
        assert line in text
    assert "last_call_timestamp 1" in text
    assert "process_resident_memory_bytes" in text


def test_metrics_of_the_job_that_fail_do_not_hide_the_others(serve_job):
    class Fails(Adder):
        is_loaded = False

        def metrics(self) -> list[dict]:
            if self.is_loaded:
                raise RuntimeError("broken gauge")
            return []

    job = Fails()
    client = serve_job(job)
    job.is_loaded = True

    response = client.get("/metrics")

    assert response.status_code == 200
    assert "last_call_timestamp" in response.text


def test_a_metric_that_takes_a_published_name_keeps_the_job_from_loading(serve_job):
    class Job(Adder):
        def metrics(self) -> list[dict]:
            return [{"name": "requests_started", "value": 1}]

    assert "Duplicated timeseries" in serve_job(Job()).get("/live").json()["error"]


def test_static_files_are_served_with_their_type(serve_job, tmp_path):
    (tmp_path / "notes.md").write_text("# hello")
    (tmp_path / "site").mkdir()
    (tmp_path / "site/page.html").write_text("<p>")

    class Job(Adder):
        def static_endpoints(self) -> dict:
            return {"/notes": ("notes.md", "application/x-notes"), "site": "site"}

    client = serve_job(Job())

    notes = client.get("/api/v1/notes")
    assert (notes.text, notes.headers["content-type"]) == ("# hello", "application/x-notes")
    assert client.get("/api/v1/site/page.html").text == "<p>"
    assert client.get("/api/v1/site/../notes.md").status_code == 404
    assert client.post("/api/v1/notes").status_code == 405


def test_documentation_loads_nothing_from_elsewhere(serve_job):
    client = serve_job(Adder())

    page = client.get("/pub/job/adder/1.2.3/docs").text
    assert "http://" not in page
    assert "https://" not in page
    openapi = client.get("/openapi.json").json()
    assert openapi["openapi"] == "3.1.0"
    assert (openapi["info"]["title"], openapi["info"]["version"]) == ("Job - adder", "1.2.3")
    body = openapi["paths"][PERFORM]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["properties"] == {
        "numbers": {"type": "array", "items": {"type": "number"}}
    }
    assert body["schema"]["examples"] == [{"numbers": [40, 2]}]
    assert client.get("/docs/swagger-ui-bundle.js").status_code == 200
    assert client.get("/docs/../app.py").status_code == 404


def test_home_redirects_to_the_page_of_its_own_version(serve_job):
    client = serve_job(Adder(), home_page="/api/v1/webview")

    assert client.get("/").headers["location"] == "/pub/job/adder/1.2.3/api/v1/webview"
    bare = client.get("/pub/job/adder/latest")
    assert (bare.status_code, bare.headers["location"]) == (307, "/pub/job/adder/latest/")


def test_other_origins_may_call(serve_job):
    client = serve_job(Adder())
    origin = {"origin": "https://app.example"}

    asked = client.options(PERFORM, headers=origin | {"access-control-request-method": "POST"})
    answered = client.post(PERFORM, json={"numbers": []}, headers=origin)

    assert asked.status_code == 200
    assert "POST" in asked.headers["access-control-allow-methods"]
    for answer in (asked, answered):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


def test_a_wsgi_page_sees_its_exact_version_whatever_was_called(serve_job):
    class Job(Adder):
        def webview_app(self, base_url: str) -> object:
            def app(environ, start_response):
                start_response("200 OK", [("content-type", "text/plain")])
                return [environ["PATH_INFO"].encode()]

            return app

    client = serve_job(Job())

    expected = "/pub/job/adder/1.2.3/api/v1/webview/page"
    assert client.get("/pub/job/adder/latest/api/v1/webview/page").text == expected
    assert client.get("/api/v1/webview/page").text == expected


def test_an_asgi_page_knows_where_it_is_mounted(serve_job):
    class Job(Adder):
        def webview_app(self, base_url: str) -> object:
            async def app(scope, receive, send):
                text = f"{scope['root_path']} {scope['path']}".encode()
                await send({"type": "http.response.start", "status": 201, "headers": []})
                await send({"type": "http.response.body", "body": text})

            return app

    response = serve_job(Job()).get("/pub/job/adder/latest/api/v1/webview/view")

    mount = "/pub/job/adder/latest/api/v1/webview"
    assert (response.status_code, response.text) == (201, f"{mount} {mount}/view")


def test_a_body_beyond_the_limit_is_refused(serve_job):
    client = serve_job(type("Job", (), {"perform": lambda _, text="": len(text)}), max_body="100Ki")
    body = b'{"text": "%s"}' % (b"x" * 100 * 1024)

    answers = [
        client.post("/api/v1/perform", content=content)
        for content in (body, (body[at : at + 1000] for at in range(0, len(body), 1000)))
    ]

    assert [answer.status_code for answer in answers] == [413, 413]
    assert "jobtype_extra.max_body" in answers[0].json()["error"]
    assert client.post("/api/v1/perform", content=body[:20] + body[-2:]).json() == 10


def test_a_body_beyond_the_default_limit_is_refused_unread(serve_job):
    url = serve_job(type("Job", (), {"perform": lambda _: 1})).base_url
    head = f"POST /api/v1/perform HTTP/1.1\r\nHost: h\r\nContent-Length: {2**30}\r\n\r\n"

    with socket.create_connection((url.host, url.port), 10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
