import pytest
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.deployment.requests.bound_secrets import (
    bind_secrets,
    choose_usable_secrets,
    rebind_secrets,
)
from lifecycle.domain.audit import AuditFilter
from lifecycle.domain.secrets import JobSecrets, SecretBox, SecretsBinding
from lifecycle.testing.platform import add_deployer
from pydantic import SecretStr
from racetrack_client.entities import Credentials, SecretVars
from racetrack_client.manifest import Manifest
from racetrack_client.utils.datamodel import convert_to_yaml
from racetrack_commons.testing.builders import a_manifest_dict

REMOTE = "https://git.example.com/team/job.git"
SECRETS = SecretVars(runtime_env={"DB": "pass-word"})
EDITS = [
    {"git": {"remote": "https://git.example.com/other/job"}},
    {"git": {"remote": REMOTE, "branch": "another"}},
    {"git": {"remote": REMOTE, "directory": "another"}},
    {"build_env": {"PIP_INDEX_URL": "https://evil.example"}},
    {"runtime_env": {"HTTPS_PROXY": "http://evil.example"}},
    {"system_dependencies": ["ncat"]},
    {"public_endpoints": ["/api/v1/perform"]},
    {"jobtype_extra": {"entrypoint_path": "other.py"}},
    {"jobtype_extra": {"entrypoint_path": "main.py", "requirements_path": "other.txt"}},
    {"jobtype": "dockerfile:1.0.0"},
]


@pytest.fixture
def bob(unit_of_work) -> AuthSubject:
    return add_deployer(unit_of_work)


def write(platform, **changes) -> str:
    """Return the deployed manifest with changes."""
    present = platform.job().manifest.model_dump(mode="json", exclude_defaults=True)
    return convert_to_yaml(present | changes)


def redeploy(platform, subject) -> str:
    deployment_id = platform.services.existing_jobs.redeploy(platform.job(), subject)
    platform.services.worker.run_pending()
    return deployment_id


def read_secrets(platform, deployment_id) -> dict[str, str]:
    return platform.instances.running[deployment_id].spec.secret_runtime_env


def find_events(platform) -> list[str]:
    with platform.unit_of_work.reading() as uow:
        events = uow.audit.list_newest(AuditFilter(event_types=("secrets_left_out",)))
    return [event.properties["reason"] for event in events]


@pytest.mark.parametrize("change", EDITS, ids=str)
def test_an_edit_by_another_subject_leaves_the_secrets_out_and_says_so(platform, bob, change):
    platform.deploy(secrets=SECRETS, git={"remote": REMOTE})

    said = platform.services.manifests.edit(platform.job(), write(platform, **change), bob)
    deployment_id = redeploy(platform, bob)

    assert next(iter(change)) in said
    assert read_secrets(platform, deployment_id) == {}
    assert platform.deployment(deployment_id).warnings == said
    assert find_events(platform) == [said, said]


def test_the_giver_who_redeploys_an_edit_of_another_subject_does_not_lend_it_secrets(platform, bob):
    platform.deploy(secrets=SECRETS)
    text = write(platform, runtime_env={"PROXY": "evil"})
    platform.services.manifests.edit(platform.job(), text, bob)

    assert read_secrets(platform, redeploy(platform, platform.deployer)) == {}


def test_an_edit_that_is_taken_back_brings_the_secrets_back(platform, bob):
    platform.deploy(secrets=SECRETS)
    before = platform.job().manifest_yaml
    text = write(platform, runtime_env={"PROXY": "evil"})
    platform.services.manifests.edit(platform.job(), text, bob)

    assert platform.services.manifests.edit(platform.job(), before, bob) == ""
    assert read_secrets(platform, redeploy(platform, bob)) == {"DB": "pass-word"}


def test_another_subject_redeploys_and_moves_an_unchanged_job_with_its_secrets(platform, bob):
    platform.deploy(secrets=SECRETS)
    there = platform.add_target("engine")

    assert read_secrets(platform, redeploy(platform, bob)) == {"DB": "pass-word"}
    moved = platform.services.existing_jobs.move(platform.job(), "engine", bob)
    platform.services.worker.run_pending()
    assert there.running[moved].spec.secret_runtime_env == {"DB": "pass-word"}
    assert find_events(platform) == []


@pytest.mark.parametrize(
    "change",
    [{"replicas": 2}, {"labels": {"a": "b"}}, {"owner_email": "b@example.com"}],
    ids=str,
)
def test_edits_that_send_secrets_nowhere_else_keep_them(platform, bob, change):
    platform.deploy(secrets=SECRETS)

    assert platform.services.manifests.edit(platform.job(), write(platform, **change), bob) == ""
    assert read_secrets(platform, redeploy(platform, bob)) == {"DB": "pass-word"}


def test_the_giver_of_secrets_agrees_to_their_use_by_an_edit(platform, bob):
    platform.deploy(secrets=SECRETS)
    text = write(platform, runtime_env={"LEVEL": "debug"})

    assert platform.services.manifests.edit(platform.job(), text, platform.deployer) == ""
    assert read_secrets(platform, redeploy(platform, bob)) == {"DB": "pass-word"}


def test_a_record_that_staff_edited_leaves_the_secrets_out_of_reprovision_and_rollback(
    platform, bob
):
    first = platform.deploy(secrets=SECRETS)
    platform.deploy(secrets=SECRETS, runtime_env={"A": "B"})
    text = write(platform, runtime_env={"PROXY": "evil"})
    with platform.unit_of_work() as uow:
        uow.jobs.set_manifest("adder", "0.0.1", text)
        uow.deployments._update(first.id, manifest=text)

    deployment_id = platform.services.existing_jobs.reprovision(platform.job(), bob)
    platform.services.worker.run_pending()
    assert read_secrets(platform, deployment_id) == {}
    back = platform.services.rollback.roll_back(platform.job(), bob, first.id).deployment_id
    platform.services.worker.run_pending()
    assert read_secrets(platform, back) == {}
    assert len(find_events(platform)) == 2


def test_a_rollback_by_another_subject_restores_image_manifest_and_secrets_together(platform, bob):
    first = platform.deploy(secrets=SECRETS)
    text = write(platform, runtime_env={"PROXY": "evil"})
    platform.services.manifests.edit(platform.job(), text, bob)
    redeploy(platform, bob)

    back = platform.services.rollback.roll_back(platform.job(), bob).deployment_id
    platform.services.worker.run_pending()

    assert read_secrets(platform, back) == {"DB": "pass-word"}
    assert platform.job().manifest_yaml == platform.deployment(first.id).manifest_yaml


def test_secrets_that_an_older_release_kept_are_good_for_what_runs_with_them(platform, bob):
    platform.deploy(secrets=SECRETS)
    platform.instances.secrets["adder", "0.0.1"].binding = None

    assert read_secrets(platform, redeploy(platform, bob)) == {"DB": "pass-word"}
    platform.instances.secrets["adder", "0.0.1"].binding = None
    text = write(platform, runtime_env={"PROXY": "evil"})
    assert platform.services.manifests.edit(platform.job(), text, bob)
    assert read_secrets(platform, redeploy(platform, bob)) == {}


def a_manifest(remote: str) -> Manifest:
    return Manifest.model_validate(a_manifest_dict(git={"remote": remote}))


@pytest.mark.parametrize(
    ("remote", "is_usable"),
    [
        (REMOTE, True),
        ("https://me@git.example.com/team/job", True),
        ("https://git.example.com/team/job/part.git", True),
        ("https://git.example.com/team/job/../../evil/job", False),
        ("https://git.example.com/team/job/%2e%2e/evil", False),
        ("https://git.example.com/team/job-evil", False),
        ("https://git.example.com/evil/job", False),
        ("https://git.example.com:8443/team/job", False),
        ("https://git.example.com@evil.example/team/job", False),
        ("http://git.example.com/team/job", False),
    ],
)
def test_git_credentials_stay_with_the_repository_they_were_given_for(remote, is_usable):
    credentials = Credentials(username="anna", password="tulip")
    given = bind_secrets(JobSecrets(credentials, {}, {"A": "b"}), a_manifest(REMOTE), "anna")
    edited = a_manifest(remote)

    usable = choose_usable_secrets(rebind_secrets(given, edited), edited)

    assert (usable.secrets.git_credentials is not None) == is_usable
    assert usable.secrets.secret_runtime_env == {"A": "b"}
    assert ("https://git.example.com/team/job" in usable.left_out) != is_usable


def test_secrets_are_left_out_of_another_source():
    manifest = a_manifest(REMOTE)
    given = bind_secrets(JobSecrets(None, {}, {"A": "b"}), manifest, "anna", "digest")

    assert choose_usable_secrets(given, manifest, "digest").left_out == ""
    assert "the source" in choose_usable_secrets(given, manifest, "another").left_out


def test_a_binding_is_stored_with_its_secrets():
    box = SecretBox(SecretStr("a key"))
    binding = SecretsBinding("anna", {"git": "digest"}, REMOTE, "digest")
    secrets = JobSecrets(None, {}, {"A": "b"}, binding)

    assert JobSecrets.decrypt(secrets.encrypt(box), box).binding == binding
