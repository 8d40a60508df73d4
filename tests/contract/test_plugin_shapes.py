"""A plugin of each shape is installed by the published client, does its work in a running stack, and goes again."""

import json
import os
import re
import signal
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from racetrack_commons.testing.builders import a_plugin_zip, a_zip

PLUGINS = Path(__file__).parent / "plugins"
SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
import json, os

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"deployment_timestamp": int(os.environ["JOB_DEPLOYMENT_TIMESTAMP"])})

    def do_POST(self):
        self.answer(sys.argv[2])

    def answer(self, value):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def install(client, tmp_path):
    """Installs a package; whatever a test leaves behind is removed."""
    installed = []

    def put(content, *options, fails=False):
        package = tmp_path / "plugin.zip"
        package.write_bytes(content)
        run = client.fails if fails else client.ok
        said = run("plugin", "install", str(package), *options)
        if not fails:
            with zipfile.ZipFile(package) as bundle:
                text = bundle.read("plugin-manifest.yaml").decode()
            found = [
                re.search(rf"^{key}: '?([\w.-]+)", text, re.M)[1] for key in ("name", "version")
            ]
            installed.append(found)
        return said

    yield put
    for name, version in installed:
        client.run("plugin", "uninstall", name, "--version", version)


def job_types(client) -> list[str]:
    return client.ok("plugin", "list", "--job-types").splitlines()


def plugins(client) -> list[str]:
    return client.ok("plugin", "list").splitlines()


def a_job_type(word: str, version: str, **manifest: object) -> bytes:
    """A job type whose jobs run a script of their own source, and answer with a word of the plugin's."""
    recipe = {"command": ["{python}", "{{ manifest_jobtype_extra.script }}", "{port}", word]}
    code = f"""
class Plugin:
    def job_types(self):
        return {{
            "contract-echo:" + self.plugin_manifest.version: {{
                "images": [{{"dockerfile_path": "Dockerfile", "source": "jobtype", "template": True}}],
                "process": {recipe!r},
            }}
        }}

    def validate_job_manifest(self, manifest, job_type):
        assert "script" in manifest.get_jobtype_extra(), f"{{job_type}} needs a script"
"""
    return a_plugin_zip(code, "contract-echo", version, category="job-type", **manifest)


def test_a_job_type_builds_jobs_reloads_and_is_uninstalled(client, install, job_directory):
    install(a_job_type("one", "1.0.0", components=["lifecycle", "image-builder"]))
    install(a_job_type("two", "1.1.0"))
    assert {"contract-echo:1.0.0", "contract-echo:1.1.0"} <= set(job_types(client))
    directory = job_directory("contract-echo", "", jobtype="contract-echo:1.*", jobtype_extra={})
    (directory / "serve.py").write_text(SERVER)

    assert "contract-echo:1.1.0 needs a script" in client.fails("deploy", str(directory))
    deploy = ["deploy", str(directory), "--force", "-e", "jobtype_extra={script: serve.py}"]
    client.ok(*deploy)
    assert json.loads(client.ok("call", "contract-echo", "/", "{}")) == "two"

    # The same version in another content, then all versions replaced by one.
    install(a_job_type("two again", "1.1.0"))
    client.ok(*deploy)
    assert json.loads(client.ok("call", "contract-echo", "/", "{}")) == "two again"
    install(a_job_type("three", "1.2.0"), "--replace")
    assert [each for each in plugins(client) if each.startswith("contract-echo")] == [
        "contract-echo==1.2.0"
    ]
    client.ok(*deploy)
    assert json.loads(client.ok("call", "contract-echo", "/", "{}")) == "three"

    client.ok("plugin", "uninstall", "contract-echo", "--version", "1.2.0")
    refused = client.fails(*deploy)
    assert "contract-echo:1.*" in refused
    assert "python3:" in refused
    assert json.loads(client.ok("call", "contract-echo", "/", "{}")) == "three"


def test_job_types_in_old_formats_are_offered(client, install, job_directory):
    code = """
from pathlib import Path
class Plugin:
    def job_types(self):
        here = Path(__file__).parent
        return {
            "contract-list:1.0.0": ["a.Dockerfile", "b.Dockerfile"],
            "contract-text:1.0.0": "a.Dockerfile",
            "contract-pair:1.0.0": (here / "base.Dockerfile", here / "a.Dockerfile"),
        }
"""
    install(a_plugin_zip(code, "contract-old", category="job-type"))

    offered = [each for each in job_types(client) if each.startswith("contract-")]
    assert offered == ["contract-list:1.0.0", "contract-pair:1.0.0", "contract-text:1.0.0"]
    directory = job_directory("contract-old", "", jobtype="contract-list:latest")
    assert "only for others" in client.fails("deploy", str(directory))


def test_hooks_are_called_as_older_plugins_have_them(
    client, stack, install, job_directory, tmp_path
):
    code = f"""
import json
from pathlib import Path

class Plugin:
    def note(self, *what):
        with Path({str(tmp_path / "noted")!r}).open("a") as file:
            file.write(json.dumps(what) + "\\n")

    def post_job_deploy(self, manifest, job, image_name):
        self.note("deployed", manifest.name, job.version, image_name)

    def post_job_delete(self, job, username_executor):
        self.note("deleted", job.name, username_executor)

    def markdown_docs(self):
        return "# Notes"

    def run_action(self, **kwargs):
        return {{"got": kwargs}}
"""
    install(a_plugin_zip(code, "contract-core", category="core", priority=5))
    client.ok(
        "deploy", str(job_directory("contract-noted", "class Job:\n  def perform(self): pass\n"))
    )
    client.ok("delete", "contract-noted", "--version", "0.0.1")

    noted = [json.loads(line) for line in (tmp_path / "noted").read_text().splitlines()]
    assert [line[:3] for line in noted] == [
        ["deployed", "contract-noted", "0.0.1"],
        ["deleted", "contract-noted", "admin"],
    ]
    assert "contract-noted:" in noted[0][3]
    assert stack.api("GET", "plugin/contract-core/docs").json() == "# Notes"
    answer = stack.api("POST", "plugin/contract-core/run?a=1", {"b": [2]})
    assert answer.json() == {"got": {"a": "1", "b": [2]}}
    assert plugins(client)[-1] == "contract-core==1.0.0"


def test_a_plugin_brings_its_libraries(client, stack, install):
    library = "library_of_the_contract"
    info = f"{library}-1.0.dist-info"
    wheel = {
        f"{library}/__init__.py": "ANSWER = 42\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {library}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    code = (
        f"import {library}\nclass Plugin:\n  def run_action(self):\n    return {library}.ANSWER\n"
    )
    name = f"{library}-1.0-py3-none-any.whl"
    contents = {
        "plugin.py": code.encode(),
        "plugin-manifest.yaml": b"name: contract-needy\nversion: 1.0.0\n",
        "requirements.txt": f"./wheels/{name}\n".encode(),
        f"wheels/{name}": a_zip(wheel),
    }
    install(a_zip(contents))

    assert stack.api("POST", "plugin/contract-needy/run", {}).json() == 42


BROKEN = {
    "syntax": ("class Plugin\n", {}, "SyntaxError"),
    "import": ("import no_module_of_that_name\n", {}, "no_module_of_that_name"),
    "constructor": (
        "class Plugin:\n    def __init__(self):\n        raise OSError('no moon')\n",
        {},
        "no moon",
    ),
    "class": ("class Other:\n    pass\n", {}, "class Plugin"),
    "manifest": ("class Plugin:\n    pass\n", {"colour": "red"}, "colour"),
    "version": ("class Plugin:\n    pass\n", {"version": "new"}, "1.2.3"),
}


@pytest.mark.parametrize("shape", BROKEN)
def test_a_broken_plugin_is_refused_and_leaves_the_others_alone(client, install, shape):
    code, manifest, says = BROKEN[shape]
    before = plugins(client)

    said = install(a_plugin_zip(code, **{"name": "contract-broken", **manifest}), fails=True)

    assert says in said
    assert plugins(client) == before


def test_a_plugin_whose_hooks_fail_leaves_the_others_alone(client, stack, install, job_directory):
    code = """
class Plugin:
    def job_types(self):
        raise RuntimeError("no job types today")
    def infrastructure_targets(self):
        return ["no", "map"]
    def markdown_docs(self):
        raise RuntimeError("no docs")
"""
    install(a_plugin_zip(code, "contract-failing"))
    malformed = "class Plugin:\n  def job_types(self):\n    return {'bad:1.0.0': 7, 'bad': ['x']}\n"
    install(a_plugin_zip(malformed, "contract-malformed"))

    assert any(each.startswith("python3:") for each in job_types(client))
    assert not [each for each in job_types(client) if each.startswith("bad")]
    assert stack.api("GET", "plugin/tree").status_code == 200
    assert "process" in stack.api("GET", "plugin/infrastructure_targets").json()
    client.ok(
        "deploy", str(job_directory("contract-beside", "class Job:\n  def perform(self): pass\n"))
    )


@pytest.fixture
def moon(client, stack, tmp_path) -> Iterator[Path]:
    """The infrastructure target `moon`; its directory, which holds states and logs of its jobs."""
    directory = tmp_path / "moon"
    directory.mkdir()
    client.ok("plugin", "bundle", str(PLUGINS / "moon"), "--out", str(tmp_path))
    client.ok("plugin", "install", str(tmp_path / "moon-infrastructure-1.0.0.zip"))
    config = {"config_data": f"directory: {directory}"}
    stack.api("PUT", "plugin/moon-infrastructure/1.0.0/config", config).raise_for_status()
    yield directory
    client.run("plugin", "uninstall", "moon-infrastructure", "--version", "1.0.0")
    for file in directory.glob("*.json"):
        os.kill(json.loads(file.read_text())["pid"], signal.SIGKILL)


def test_an_infrastructure_target_runs_moves_and_shows_jobs(client, stack, moon, job_directory):
    again = client.fails("plugin", "install", str(moon.parent / "moon-infrastructure-1.0.0.zip"))
    assert "Conflict" in again
    targets = stack.api("GET", "plugin/infrastructure_targets").json()
    assert targets["moon"]["name"] == "moon-infrastructure"
    code = "class Job:\n    def perform(self):\n        return 'on earth'\n"
    directory = job_directory(
        "contract-moon", code, runtime_env={"A": "a"}, build_env={"SECRET": "s"}
    )

    client.ok("deploy", str(directory), "-e", "infrastructure_target=moon")

    assert where(client) == "moon"
    answer = json.loads(client.ok("call", "contract-moon", "/", "{}"))
    assert (answer["A"], answer["SECRET"], answer["GRAVITY"]) == ("a", "", "1.62")
    assert (answer["JOB_NAME"], answer["HAS_TOKEN"], answer["CONTAINERS"]) == (
        "contract-moon",
        True,
        "1",
    )
    assert "the moon rises" in client.ok("logs", "contract-moon")
    check_logs_are_followed(client)

    assert (
        client.ok("move", "contract-moon", "--version", "0.0.1", "--infrastructure", "process")
        == ""
    )
    assert where(client) == "process"
    assert json.loads(client.ok("call", "contract-moon", "/api/v1/perform", "{}")) == "on earth"
    assert "moon" in client.fails(
        "move", "contract-moon", "--version", "0.0.1", "--infrastructure", "mars"
    )
    client.ok("move", "contract-moon", "--version", "0.0.1", "--infrastructure", "moon")
    assert where(client) == "moon"
    assert json.loads(client.ok("call", "contract-moon", "/", "{}"))["GRAVITY"] == "1.62"

    client.ok("delete", "contract-moon", "--version", "0.0.1")
    assert list(moon.glob("*.json")) == []


def where(client) -> str:
    table = client.ok("list", "-c", "infrastructure").splitlines()
    line = next(line for line in table if line.startswith("contract-moon "))
    assert line.split()[2] == "RUNNING", line
    return line.split()[3]


def check_logs_are_followed(client) -> None:
    follower = client.start("logs", "contract-moon", "--follow")
    try:
        assert any("the moon rises" in line for line in follower.stdout)
        call = threading.Thread(
            target=client.ok, args=("call", "contract-moon", "/", '{"x": "while followed"}')
        )
        call.start()
        assert any("while followed" in line for line in follower.stdout)
        call.join()
        follower.send_signal(signal.SIGINT)
        assert follower.wait(30) == 0
    finally:
        follower.kill()
        follower.communicate()


def test_a_plugin_that_breaks_later_does_not_keep_the_stack_from_starting(client, stack, install):
    install(
        a_plugin_zip(
            "class Plugin:\n  def markdown_docs(self):\n    return 'fine'\n", "contract-later"
        )
    )
    package = stack.data / "plugins/contract-later-1.0.0.zip"
    good = package.read_bytes()
    package.write_bytes(a_plugin_zip("raise RuntimeError('edited by hand')", "contract-later"))
    try:
        stack.control("down")
        assert stack.control("up").returncode == 0
        assert "contract-later==1.0.0" not in plugins(client)
        [broken] = stack.api("GET", "plugin/broken").json()
        assert broken["file"] == "contract-later-1.0.0.zip"
        assert "edited by hand" in broken["error"]
    finally:
        package.write_bytes(good)
