import ast
import os
import shlex

from dashboard.pages.job.snippets import make_curl, make_python

URL = "http://127.0.0.1:7205/pub/job/adder/0.0.2/api/v1/perform"


def test_the_command_survives_quotes_in_the_body():
    words = shlex.split(make_curl(URL, "POST", {"text": "it's $HOME `id`"}).replace("\\\n", ""))

    assert words[:4] == ["curl", "-X", "POST", URL]
    assert words[-1] == '{"text": "it\'s $HOME `id`"}'
    assert "X-Racetrack-Auth: $RACETRACK_TOKEN" in words


def test_the_python_code_can_be_parsed():
    code = make_python(URL, "POST", {"text": "it's", "flag": True, "none": None})

    ast.parse(code)
    assert "json={'text': \"it's\", 'flag': True, 'none': None}" in code


def test_without_a_body_there_is_none_in_the_code():
    assert "-d" not in make_curl(URL, "GET", None)
    assert "json" not in make_python(URL, "GET", None).replace("answer.json()", "")


def test_no_token_is_in_the_code(monkeypatch):
    monkeypatch.setitem(os.environ, "RACETRACK_TOKEN", "secret")

    assert "secret" not in make_curl(URL, "GET", None) + make_python(URL, "GET", None)
