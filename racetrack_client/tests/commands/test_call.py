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
