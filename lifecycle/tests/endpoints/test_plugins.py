import io
import zipfile

import pytest
from racetrack_commons.testing.builders import a_plugin_zip
from racetrack_commons.testing.serving import wait_until

API = "/lifecycle/api/v1/plugin"
CODE = """
class Plugin:
    def job_types(self):
        return {"rust:1.0.0": ["Dockerfile"], "malformed:1.0.0": 7}

    def markdown_docs(self):
        return "# Rust"

    def run_action(self, **kwargs):
        return kwargs
"""
MANIFEST = "name: rust\nversion: 1.0.0\ncategory: job-type\n"


@pytest.fixture
def installed(client, admin) -> None:
    answer = client.post(f"{API}/upload/rust.zip?replace=0", content=a_bundle(), headers=admin)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["name"], answer.json()["version"]) == ("rust", "1.0.0")


def test_an_uploaded_plugin_is_listed_with_what_it_gives(client, installed):
    assert [plugin["name"] for plugin in client.get(API).json()] == ["rust"]
    assert client.get(f"{API}/job_type/versions").json() == ["rust:1.0.0"]
    tree = client.get(f"{API}/tree").json()
    assert tree["job_type_plugins_data"] == [
        {
            "name": "rust",
            "version": "1.0.0",
            "job_types": [{"name": "rust:1.0.0", "active_jobs": 0}],
        }
    ]


def test_the_built_in_target_is_listed(client):
    assert "process" in client.get(f"{API}/infrastructure_targets").json()


def test_a_plugin_can_be_uploaded_by_a_form(client, admin):
    files = {"file": ("rust.zip", a_bundle(), "application/zip")}
    assert client.post(f"{API}/upload", files=files, headers=admin).json() is None
    assert client.get(f"{API}/job_type/versions").json() == ["rust:1.0.0"]


def test_the_body_of_old_clients_says_it_were_a_form(client, admin):
    headers = {**admin, "Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post(f"{API}/upload/rust.zip?replace=1", content=a_bundle(), headers=headers)
    assert answer.status_code == 200


def test_only_staff_installs_plugins(client, internal):
    for headers in ({}, internal):
        answer = client.post(f"{API}/upload/rust.zip", content=a_bundle(), headers=headers)
        assert answer.status_code == 401


def test_what_is_no_plugin_is_refused(client, admin):
    answer = client.post(f"{API}/upload/rust.zip", content=b"no zip", headers=admin)
    assert answer.status_code == 400
    assert client.get(API).json() == []


def test_a_plugin_can_be_downloaded(client, installed):
    answer = client.get(f"{API}/rust/1.0.0/download")
    assert answer.headers["content-type"] == "application/zip"
    assert zipfile.is_zipfile(io.BytesIO(answer.content))
    missing = client.get(f"{API}/rust/9.9.9/download")
    assert (missing.status_code, "detail" in missing.json()) == (404, True)


def test_a_plugin_has_docs(client, installed):
    assert client.get(f"{API}/rust/docs").json() == "# Rust"
    assert client.get(f"{API}/gone/docs").status_code == 404


def test_a_plugin_can_be_configured(client, installed, admin):
    url = f"{API}/rust/1.0.0/config"
    assert client.get(url, headers=admin).json() == ""
    assert client.put(url, json={"config_data": "a: 1"}, headers=admin).json() is None
    assert client.get(url, headers=admin).json() == "a: 1"


def test_a_plugin_can_be_run_and_the_body_wins(client, installed, admin):
    answer = client.post(f"{API}/rust/run?a=1&b=2&name=x", json={"b": 3, "hook": 4}, headers=admin)
    assert answer.json() == {"a": "1", "b": 3, "name": "x", "hook": 4}


@pytest.mark.parametrize(
    ("action", "status", "says"),
    [
        ("raise RuntimeError('the moon is down')", 500, "the moon is down"),
        ("raise ValidationError('which moon?')", 400, "which moon?"),
        ("return object()", 500, "returned object, no JSON"),
    ],
)
def test_staff_read_why_a_plugin_failed(client, admin, action, status, says):
    code = "from racetrack_client.log.errors import ValidationError\nclass Plugin:\n"
    code += f"    def run_action(self):\n        {action}\n"
    client.post(f"{API}/upload/p.zip", content=a_plugin_zip(code, "p"), headers=admin)
    answer = client.post(f"{API}/p/run", json={}, headers=admin)
    assert (answer.status_code, says in answer.json()["error"]) == (status, True)


def test_a_plugin_that_fails_disturbs_no_listing(client, installed, admin):
    code = """
class Plugin:
    def job_types(self):
        raise RuntimeError("boom")
    def infrastructure_targets(self):
        return {"moon": "no target"}
    def markdown_docs(self):
        return 42
"""
    client.post(f"{API}/upload/p.zip", content=a_plugin_zip(code, "bad"), headers=admin)
    assert client.get(f"{API}/job_type/versions").json() == ["rust:1.0.0"]
    assert "moon" not in client.get(f"{API}/infrastructure_targets").json()
    tree = client.get(f"{API}/tree").json()
    assert [plugin["name"] for plugin in tree["plugins"]] == ["bad", "rust"]
    assert tree["infrastructure_plugins_data"] == []
    assert client.get(f"{API}/bad/docs").json() == "42"


def test_staff_see_which_plugins_are_broken_and_mend_them(client, config, admin):
    code = "class Plugin:\n    def __init__(self):\n        self.config_path.read_text() == 'bad' and 1 / 0\n"
    client.post(f"{API}/upload/p.zip", content=a_plugin_zip(code, "p"), headers=admin)
    assert client.get(f"{API}/broken", headers=admin).json() == []

    refused = client.put(f"{API}/p/1.0.0/config", json={"config_data": "bad"}, headers=admin)
    assert (refused.status_code, "division by zero" in refused.json()["error"]) == (400, True)
    (config.plugins_dir / "config/p-1.0.0/config.yaml").write_text("bad")
    wait_until(lambda: client.get(f"{API}/broken", headers=admin).json())

    [broken] = client.get(f"{API}/broken", headers=admin).json()
    assert broken == {"file": "p-1.0.0.zip", "error": "ZeroDivisionError: division by zero"}
    assert client.get(f"{API}/broken").status_code == 401
    assert client.get(f"{API}/p/1.0.0/download").status_code == 200
    assert client.get(f"{API}/p/1.0.0/config", headers=admin).json() == "bad"
    client.put(f"{API}/p/1.0.0/config", json={"config_data": "good"}, headers=admin)
    assert client.get(f"{API}/broken", headers=admin).json() == []


def test_a_plugin_can_be_removed(client, installed, admin):
    assert client.delete(f"{API}/rust/1.0.0", headers=admin).json() is None
    assert client.delete(f"{API}/rust/1.0.0", headers=admin).status_code == 404
    assert client.delete(f"{API}/all", headers=admin).json() is None
    assert client.get(API).json() == []
    events = client.get("/lifecycle/api/v1/audit/events", headers=admin).json()
    assert [event["event_type"] for event in events] == ["plugin_uninstalled", "plugin_installed"]


def test_each_change_is_audited(client, installed, admin):
    client.put(f"{API}/rust/1.0.0/config", json={"config_data": "password: x"}, headers=admin)
    client.post(f"{API}/upload/p.zip", content=a_plugin_zip(name="other"), headers=admin)
    client.delete(f"{API}/all", headers=admin)
    events = client.get("/lifecycle/api/v1/audit/events", headers=admin).json()
    told = sorted((event["event_type"], event["properties"]["plugin_name"]) for event in events)
    assert told == [
        ("plugin_configured", "rust"),
        ("plugin_installed", "other"),
        ("plugin_installed", "rust"),
        ("plugin_uninstalled", "other"),
        ("plugin_uninstalled", "rust"),
    ]
    assert "password" not in str(events)


def a_bundle() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as bundle:
        bundle.writestr("plugin.py", CODE)
        bundle.writestr("plugin-manifest.yaml", MANIFEST)
    return content.getvalue()
