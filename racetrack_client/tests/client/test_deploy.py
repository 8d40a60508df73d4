import base64
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from racetrack_client.client import deployment_progress
from racetrack_client.client.deploy import (
    BuildContextMethod,
    DeploymentError,
    DeployOptions,
    JobSource,
    pack_job,
    send_deploy_request,
)
from racetrack_client.client.deployment_progress import follow_deployment
from racetrack_client.client.session import Environment, Session
from racetrack_client.client_config.client_config import ClientConfig
from racetrack_client.entities import Credentials
from racetrack_client.manifest.parse import ManifestError
from racetrack_client.utils.request import RequestError, ResponseError

MANIFEST = """
name: adder
owner_email: sample@example.com
git: {remote: https://github.com/example/jobs}
jobtype: python3:latest
jobtype_extra: {entrypoint_path: adder.py}
secret_runtime_env_file: secret.env
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    directory = tmp_path / "job"
    directory.mkdir()
    (directory / "job.yaml").write_text(MANIFEST)
    (directory / "adder.py").write_text("class Adder:\n    def perform(self): ...\n")
    (directory / "secret.env").write_text("export TOKEN='a$b'  # mine\nURL=http://x?a=b\n")
    return directory


def a_session(url: str, tmp_path: Path, config: ClientConfig | None = None) -> Session:
    return Session(Environment(tmp_path / "config.yaml", token="the-token"), url, config)


def payload_of(job: Path, session: Session, **options: Any) -> dict[str, Any]:
    packed = pack_job(
        JobSource.load(job, {}), DeployOptions(**options), session.config.git_credentials
    )
    return packed.payload.model_dump()


def test_the_payload_has_the_merged_manifest_the_secrets_and_the_files(job: Path, tmp_path: Path):
    payload = payload_of(job, a_session("http://localhost:7002", tmp_path), force=True)

    assert payload["manifest"]["name"] == "adder"
    assert payload["force"] is True
    assert payload["build_flags"] == []
    assert payload["secret_vars"]["runtime_env"] == {"TOKEN": "a$b", "URL": "http://x?a=b"}
    assert payload["secret_vars"]["build_env"] == {}
    content = io.BytesIO(base64.b64decode(payload["build_context"]))
    with tarfile.open(fileobj=content) as tar:
        assert tar.getnames() == ["adder.py", "job.yaml"]


def test_secret_files_lie_beside_a_manifest_named_as_a_file(job: Path, tmp_path: Path):
    payload = payload_of(job / "job.yaml", a_session("http://localhost:7002", tmp_path))

    assert payload["secret_vars"]["runtime_env"]["TOKEN"] == "a$b"


@pytest.mark.parametrize(
    ("wanted", "in_manifest", "is_local"),
    [
        ("default", None, True),
        ("default", "git", False),
        ("default", "local", True),
        ("local", "git", True),
        ("git", None, False),
    ],
)
@pytest.mark.parametrize("url", ["http://localhost:7002", "https://racetrack.example.com"])
def test_the_source_is_the_directory_unless_option_or_manifest_ask_for_git(
    job: Path, tmp_path: Path, url: str, wanted: str, in_manifest: str | None, is_local: bool
):
    asked = f"build_context: {in_manifest}\n" if in_manifest else ""
    (job / "job.yaml").write_text(MANIFEST.replace("sample@", "me@") + asked)

    payload = payload_of(
        job, a_session(url, tmp_path), build_context=BuildContextMethod(wanted), no_cache=True
    )

    assert (payload["build_context"] is not None) == is_local
    assert payload["build_flags"] == ["--no-cache"]


def test_a_manifest_without_a_repository_is_enough_for_the_files_here(job: Path, tmp_path: Path):
    without_git = "".join(
        line for line in MANIFEST.splitlines(keepends=True) if not line.startswith("git:")
    )
    (job / "job.yaml").write_text(without_git)
    session = a_session("http://localhost:7002", tmp_path)

    assert payload_of(job, session)["build_context"] is not None
    with pytest.raises(ManifestError, match=r"git\.remote: is missing: name the repository"):
        payload_of(job, session, build_context=BuildContextMethod.git)


@pytest.mark.parametrize(
    ("text", "is_local"), [(MANIFEST, False), (MANIFEST.replace("git:", "labels:"), True)]
)
def test_a_manifest_from_standard_input_means_its_repository(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, is_local: bool
):
    monkeypatch.chdir(job)
    session = a_session("http://localhost:7002", tmp_path)

    payload = pack_job(
        JobSource.read(text, {}), DeployOptions(), session.config.git_credentials
    ).payload

    assert (payload.build_context is not None) == is_local


def test_an_upgrade_is_asked_of_the_builder(job: Path, tmp_path: Path):
    payload = payload_of(job, a_session("http://localhost:7002", tmp_path), upgrade=True)

    assert payload["build_flags"] == ["--upgrade"]


def test_every_missing_file_is_named_before_anything_is_sent(job: Path, tmp_path: Path):
    (job / "adder.py").unlink()
    extra = "{entrypoint_path: adder.py, requirements_path: deps.txt}"
    (job / "job.yaml").write_text(MANIFEST.replace("{entrypoint_path: adder.py}", extra))

    with pytest.raises(ManifestError) as caught:
        payload_of(job, a_session("http://localhost", tmp_path))
    assert caught.value.problems == [
        (
            f"jobtype_extra.{key}",
            f"there is no file {name} in {job}; --build-context git builds what is in git.remote",
        )
        for key, name in {"entrypoint_path": "adder.py", "requirements_path": "deps.txt"}.items()
    ]


@pytest.mark.parametrize("name", ["../adder.py", "{outside}/adder.py", "{outside}/job/adder.py"])
def test_an_entrypoint_outside_the_directory_is_refused(job: Path, tmp_path: Path, name: str):
    name = name.format(outside=tmp_path)
    (tmp_path / "adder.py").write_text("class Adder:\n    def perform(self): ...\n")
    (job / "job.yaml").write_text(MANIFEST.replace("adder.py}", f"{name}}}"))

    with pytest.raises(ManifestError, match=f"{name} lies outside {job}; copy it there"):
        payload_of(job, a_session("http://localhost", tmp_path))


def test_an_entrypoint_in_git_is_not_looked_for(job: Path, tmp_path: Path):
    (job / "adder.py").unlink()

    session = a_session("http://localhost", tmp_path)
    assert payload_of(job, session, build_context=BuildContextMethod.git)["build_context"] is None


@pytest.mark.parametrize(
    "key",
    ["https://github.com/example/jobs", "https://github.com", "github.com"],
)
def test_git_credentials_are_found_by_repository_or_host(job: Path, tmp_path: Path, key: str):
    config = ClientConfig(git_credentials={key: Credentials(username="me", password="pw")})

    payload = payload_of(job, a_session("http://localhost", tmp_path, config))

    assert payload["git_credentials"] == {"username": "me", "password": "pw"}


def test_a_deployment_is_followed_to_its_end(lifecycle, answer, tmp_path: Path, no_waiting):
    lifecycle.on(
        "GET deploy/1",
        answer({"status": "in_progress", "phase": "building image"}),
        answer({"status": "IN_PROGRESS", "phase": "starting Job server"}),
        answer({"status": "done", "job": {"pub_url": "http://pub"}}),
    )
    seen: list[Any] = []

    deployment = follow_deployment(a_session(lifecycle.url, tmp_path), "1", seen.append)

    assert deployment["job"]["pub_url"] == "http://pub"
    assert [each.get("phase") for each in seen] == ["building image", "starting Job server", None]


def test_a_failed_deployment_says_why(lifecycle, answer, tmp_path: Path):
    lifecycle.on("GET deploy/1", answer({"status": "failed", "error": "no disk"}))

    with pytest.raises(DeploymentError, match=r"^deployment error: no disk$"):
        follow_deployment(a_session(lifecycle.url, tmp_path), "1", lambda _: None)


def test_a_short_outage_of_lifecycle_is_waited_out(lifecycle, answer, tmp_path, no_waiting):
    lifecycle.on(
        "GET deploy/1",
        answer({"error": "restarting"}, 503),
        answer({"status": "done", "job": {}}),
    )

    assert follow_deployment(a_session(lifecycle.url, tmp_path), "1", lambda _: None)


def test_a_long_outage_ends_the_waiting(tmp_path: Path, no_waiting):
    session = a_session("http://127.0.0.1:9", tmp_path)

    with pytest.raises(RequestError, match="is it running"):
        follow_deployment(session, "1", lambda _: None)


def test_an_answer_that_will_not_change_ends_the_waiting(lifecycle, tmp_path: Path):
    with pytest.raises(ResponseError) as caught:
        follow_deployment(a_session(lifecycle.url, tmp_path), "unknown", lambda _: None)

    assert caught.value.status_code == 404


def test_scripts_deploy_with_one_call(lifecycle, answer, job: Path):
    lifecycle.on("POST deploy", answer({"id": "7"}))
    lifecycle.on("GET deploy/7", answer({"status": "done", "job": {"pub_url": "http://pub"}}))
    config = ClientConfig(user_auths={lifecycle.url: "script-token"})

    send_deploy_request(job, config, lifecycle.url, force=True)

    (sent,) = lifecycle.requests_to("/deploy")
    assert sent.headers["X-Racetrack-Auth"] == "script-token"
    assert sent.json()["force"] is True


def test_a_script_sees_the_status_of_a_refusal(lifecycle, answer, job: Path):
    lifecycle.on("POST deploy", answer({"error": "invalid token"}, 401))

    with pytest.raises(ResponseError, match="Unauthorized: invalid token") as caught:
        send_deploy_request(job, ClientConfig(user_auths={lifecycle.url: "bad"}), lifecycle.url)

    assert caught.value.status_code == 401


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    class JumpingTime:
        def __init__(self) -> None:
            self.now = 0.0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            self.now += seconds

    monkeypatch.setattr(deployment_progress, "time", JumpingTime())
