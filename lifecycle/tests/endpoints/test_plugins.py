import io
import zipfile

import pytest

API = "/lifecycle/api/v1/plugin"
CODE = """
class Plugin:
    def job_types(self):
        return {"rust:1.0.0": {"images": []}}

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
    answer = client.post(f"{API}/rust/run?a=1&b=2", json={"b": 3}, headers=admin)
    assert answer.json() == {"a": "1", "b": 3}


def test_a_plugin_can_be_removed(client, installed, admin):
    assert client.delete(f"{API}/rust/1.0.0", headers=admin).json() is None
    assert client.delete(f"{API}/rust/1.0.0", headers=admin).status_code == 404
    assert client.delete(f"{API}/all", headers=admin).json() is None
    assert client.get(API).json() == []
    events = client.get("/lifecycle/api/v1/audit/events", headers=admin).json()
    assert [event["event_type"] for event in events] == ["plugin_uninstalled", "plugin_installed"]


def a_bundle() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as bundle:
        bundle.writestr("plugin.py", CODE)
        bundle.writestr("plugin-manifest.yaml", MANIFEST)
    return content.getvalue()
