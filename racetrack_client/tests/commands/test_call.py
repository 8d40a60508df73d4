import json
import shlex


def test_a_call_prints_the_answer(logged_in, lifecycle, answer):
    lifecycle.on("POST /pub/job/adder/latest/api/v1/perform", answer({"sum": 42}))

    done = logged_in("call", "adder", "api/v1/perform", "numbers: [40, 2]")

    assert json.loads(done.stdout) == {"sum": 42}
    assert lifecycle.received[-1].json() == {"numbers": [40, 2]}


def test_a_call_needs_nothing_but_the_permission_to_call(logged_in, lifecycle, answer):
    refusal = {"error": "User anna lacks the permission read_job", "type": "NotPermitted"}
    lifecycle.on("GET job/adder/1.x", answer(refusal, 401))
    lifecycle.on("POST /pub/job/adder/1.x/api/v1/perform", answer(42))

    assert logged_in("call", "adder", "/api/v1/perform", "--version", "1.x").stdout == "42\n"


def test_a_call_prints_what_is_no_json_as_it_is(logged_in, lifecycle, answer):
    lifecycle.on("POST /pub/job/adder/latest/text", answer(b"plain", 200, "text/plain"))

    assert logged_in("call", "adder", "/text", "{}").stdout == "plain\n"
    assert logged_in("call", "adder", "/text", "{}", "-o", "json").stdout == '"plain"\n'


def test_a_call_refuses_what_is_no_mapping(logged_in):
    assert "must be a mapping" in logged_in("call", "adder", "/x", "[1]").stderr


def test_curl_survives_quotes(logged_in, lifecycle, answer):
    lifecycle.on("GET info", answer({"external_pub_url": "http://pub/"}))
    payload = {"text": 'it\'s "quoted" $HOME `id`'}

    done = logged_in("call", "adder", "/api/v1/perform", json.dumps(payload), "--curl")

    words = shlex.split(done.stdout.replace("\\\n", ""))
    assert words[:4] == ["curl", "-X", "POST", "http://pub/job/adder/latest/api/v1/perform"]
    assert "X-Racetrack-Auth: the-token" in words
    assert json.loads(words[words.index("-d") + 1]) == payload


def test_a_payload_may_come_from_standard_input(logged_in, lifecycle, answer):
    lifecycle.on("POST /pub/job/adder/latest/api/v1/perform", answer(3))

    done = logged_in("call", "adder", "/api/v1/perform", "-", stdin='{"numbers": [1, 2]}')

    assert done.stdout == "3\n", done.stderr
    assert lifecycle.received[-1].json() == {"numbers": [1, 2]}


def test_get_sends_the_parameters_in_the_url(logged_in, lifecycle, answer):
    lifecycle.on("GET /pub/job/adder/latest/api/v1/info", answer({"ok": True}))
    lifecycle.on("GET /pub/job/adder/latest/search?q=a+b&n=1&n=2&deep=true", answer([]))

    assert logged_in("call", "adder", "/api/v1/info", "-X", "get").returncode == 0
    assert lifecycle.received[-1].body == b""
    payload = "{q: a b, n: [1, 2], deep: true}"
    assert logged_in("call", "adder", "/search", payload, "--method", "GET").stdout == "[]\n"
    curl = logged_in("call", "adder", "/api/v1/info", "-X", "GET", "--curl").stdout
    assert "-X 'GET'" in curl
    assert " -d " not in curl


def test_other_methods_send_a_body(logged_in, lifecycle, answer):
    lifecycle.on("PUT /pub/job/adder/latest/thing", answer(None))

    assert logged_in("call", "adder", "/thing", "a: 1", "-X", "PUT").returncode == 0
    assert lifecycle.received[-1].json() == {"a": 1}


def test_a_broken_payload_is_named_in_one_line(logged_in):
    done = logged_in("call", "adder", "/x", '{"a')

    assert done.returncode == 70
    assert done.stderr.count("\n") == 1
    assert "neither JSON nor YAML: line 1, column 4" in done.stderr


def test_json_means_what_it_means_in_json(logged_in, lifecycle, answer):
    lifecycle.on("POST /pub/job/adder/latest/x", answer(None))

    assert logged_in("call", "adder", "/x", '{\n\t"rate": 1e-5\n}').returncode == 0
    assert lifecycle.received[-1].json() == {"rate": 1e-5}


def test_the_endpoint_may_be_left_out(logged_in, lifecycle, answer):
    lifecycle.on("POST /pub/job/adder/latest/api/v1/perform", answer(3))
    (logged_in.workdir / "numbers.json").write_text('{"numbers": [1, 2]}')

    for arguments in (
        ["@numbers.json"],
        ["numbers: [1, 2]"],
        ['{"numbers": [1, 2]}'],
        ["/api/v1/perform", "@numbers.json"],
    ):
        assert logged_in("call", "adder", *arguments).stdout == "3\n"
        assert lifecycle.received[-1].json() == {"numbers": [1, 2]}
    assert logged_in("call", "adder", "-", stdin="a: 1").stdout == "3\n"
    assert logged_in("call", "adder").stdout == "3\n"
    assert lifecycle.received[-1].json() == {}
    assert "none.json: [Errno 2]" in logged_in("call", "adder", "@none.json").stderr


def test_an_unknown_endpoint_names_those_of_the_job(logged_in, lifecycle, answer):
    lifecycle.on("POST /pub/job/adder/latest/perform", answer({"detail": "Not Found"}, 404))
    paths = {"/explain": {}, "/api/v1/perform": {}}
    lifecycle.on("GET /pub/job/adder/latest/openapi.json", answer({"paths": paths}))

    error = logged_in("call", "adder", "perform").stderr

    assert "has no endpoint /perform; it has: /api/v1/perform, /explain" in error


def test_a_short_path_means_a_method_unless_the_job_has_that_path(logged_in, lifecycle, answer):
    post = {"post": {}}
    paths = {"/api/v1/shout": post, "/api/v1/page": post, "/page": post, "/api/v1/get": {"get": {}}}
    lifecycle.on("GET /pub/job/adder/latest/openapi.json", answer({"paths": paths}))
    lifecycle.on("POST /pub/job/adder/latest/api/v1/shout", answer("AH"))
    lifecycle.on("POST /pub/job/adder/latest/page", answer("a page"))
    lifecycle.on("POST /pub/job/adder/latest/get", answer("a form"))

    for called, expected in (("shout", "AH"), ("/page", "a page"), ("/get", "a form")):
        assert json.loads(logged_in("call", "adder", called).stdout) == expected
    assert "/latest/api/v1/shout " in logged_in("call", "adder", "/shout", "--curl").stdout


def test_an_unknown_job_names_the_one_that_is_meant(logged_in, lifecycle, answer):
    for path in ("embeder", "fresh", "adder", "other"):
        missing = f"Proxy request error: Job was not found: there is no job {path} latest"
        lifecycle.on(f"POST /pub/job/{path}/latest/api/v1/perform", answer({"error": missing}, 404))
        lifecycle.on(f"GET deploy?job_name={path}&limit=1", answer([]))
    jobs = [{"name": "embedder", "version": "1.0.0"}, {"name": "adder", "version": "2.0.0-beta"}]
    lifecycle.on("GET job", answer(jobs))
    failed = {"job_name": "fresh", "job_version": "0.0.1", "status": "failed", "error": "no\ndisk"}
    lifecycle.on("GET deploy?job_name=fresh&limit=1", answer([failed]))

    assert "did you mean embedder?" in logged_in("call", "embeder").stderr
    assert "of version 0.0.1, failed: no; `racetrack build-logs fresh --version 0.0.1`" in (
        logged_in("call", "fresh").stderr
    )
    assert "adder has the versions: 2.0.0-beta" in logged_in("call", "adder").stderr
    assert "`racetrack list` shows the jobs" in logged_in("call", "other").stderr


def test_an_async_call_waits_through_outages(logged_in, lifecycle, answer):
    started = answer({"task_id": "t-1", "status": "ongoing"}, 201)
    lifecycle.on("POST /pub/async/new/job/adder/latest/api/v1/perform", started)
    ongoing = {"X-Racetrack-Task-Status": "ongoing"}
    done = {"X-Racetrack-Task-Status": "completed"}
    lifecycle.on(
        "GET /pub/async/task/t-1/poll",
        answer({"task_id": "t-1"}, 202, headers=ongoing),
        answer({"error": "Lifecycle is away"}, 504),
        answer({"sum": 42}, 200, headers=done),
    )

    assert json.loads(logged_in("call", "adder", "numbers: [40, 2]", "--async").stdout) == {
        "sum": 42
    }
    detached = logged_in("call", "adder", "--async", "--detach")
    assert detached.stdout == f"{lifecycle.root}/pub/async/task/t-1/poll\n"


def test_an_async_call_that_failed_tells_why(logged_in, lifecycle, answer):
    started = answer({"task_id": "t-1", "status": "ongoing"}, 201)
    lifecycle.on("POST /pub/async/new/job/adder/latest/api/v1/perform", started)
    failed = answer({"error": "job died"}, 500, headers={"X-Racetrack-Task-Status": "failed"})
    lifecycle.on("GET /pub/async/task/t-1/poll", failed)

    done = logged_in("call", "adder", "--async")

    assert done.returncode == 70
    assert "job died" in done.stderr


def test_a_start_is_repeated_with_its_key(logged_in, lifecycle, answer):
    path = "/pub/async/new/job/adder/latest/api/v1/perform"
    away = answer({"error": "Lifecycle can't keep the call now, try again"}, 503)
    lifecycle.on(f"POST {path}", away, answer({"task_id": "t-1", "status": "ongoing"}, 201))

    assert logged_in("call", "adder", "--detach").returncode == 0

    keys = [each.headers["Idempotency-Key"] for each in lifecycle.requests_to(path)]
    assert len(keys) == 2
    assert len(set(keys)) == 1
