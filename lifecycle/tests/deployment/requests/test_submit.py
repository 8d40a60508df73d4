import base64
import gzip
import threading
from dataclasses import replace

import pytest
from lifecycle.auth.authorize import NotPermitted
from lifecycle.deployment.requests.enqueue import DeploymentInProgress, JobAlreadyDeployed
from lifecycle.deployment.requests.submit import read_bundle
from lifecycle.maintenance import UnderMaintenance
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import ValidationError
from racetrack_commons.auth.token import AuthSubjectType
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import a_deploy_payload, a_job, a_manifest_dict


def test_every_error_of_a_manifest_is_told_at_once(platform):
    with pytest.raises(ValidationError) as error:
        platform.submit(version="1", colour="red", replicas=0)

    for part in ("version", "colour", "replicas"):
        assert part in str(error.value)


def test_a_refused_submission_leaves_nothing(platform):
    platform.deploy()
    with pytest.raises(JobAlreadyDeployed):
        platform.submit(force=False)

    with platform.unit_of_work.reading() as uow:
        assert len(uow.deployments.list_newest(0)) == 1


def test_a_deployed_version_is_replaced_only_by_force(platform):
    platform.deploy()

    with pytest.raises(JobAlreadyDeployed, match="--force"):
        platform.submit(force=False)
    assert platform.submit(force=True)


def test_a_deleted_version_is_used_again_only_by_force(platform):
    platform.deploy()
    platform.services.deleter.delete(platform.job(), platform.deployer)

    with pytest.raises(JobAlreadyDeployed, match="was deleted"):
        platform.submit(force=False)
    assert platform.deploy(force=True).status == "done"


def test_settings_can_allow_overwriting(platform):
    platform.deploy()
    config = platform.services.submitter.core.config
    config.allow_job_overwrite = True

    assert platform.submit(force=False)


def test_a_second_deployment_of_the_same_version_waits_its_turn(platform):
    first = platform.submit()

    with pytest.raises(DeploymentInProgress, match=first):
        platform.submit()
    assert platform.submit(version="0.0.2")
    assert platform.submit(name="other")


def test_a_deployment_in_progress_is_told_though_its_job_stands_there_already(platform):
    first = platform.submit(force=False)
    with platform.unit_of_work() as uow:
        uow.jobs.save(a_job("adder", "0.0.1", status=JobStatus.STARTING, internal_name=None))

    with pytest.raises(DeploymentInProgress, match=first):
        platform.submit(force=False)


def test_of_two_deployments_at_the_same_moment_one_is_refused(platform):
    barrier, results = threading.Barrier(4), []

    def submit():
        barrier.wait()
        try:
            results.append(platform.submit())
        except DeploymentInProgress:
            results.append(None)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([one for one in results if one]) == 1
    assert len(results) == 4


def test_after_a_failure_the_same_version_can_be_deployed_again(platform):
    platform.builder.error = "boom"
    platform.deploy(force=False)
    platform.builder.error = None

    assert platform.deploy(force=False).status == "done"


def test_a_new_family_needs_a_permission_of_its_own(platform):
    platform.deployer = replace(platform.deployer, id="somebody-else")

    with pytest.raises(NotPermitted, match="deploy_new_family"):
        platform.submit()


def test_a_grant_on_a_job_does_not_cover_its_next_version(platform):
    platform.deploy()
    job = platform.job()
    with platform.unit_of_work() as uow:
        esc = uow.escs.add("other", None)
        subject = uow.auth_subjects.get_or_add_of_esc(esc.id)
        uow.permissions.grant(subject.id, AuthScope.DEPLOY_JOB, job_id=job.id)
    platform.deployer = replace(platform.deployer, id=subject.id, name=esc.id)

    assert platform.deploy().status == "done"
    with pytest.raises(NotPermitted, match="deploy_job"):
        platform.submit(version="0.0.2")


def test_services_own_no_jobs(platform):
    platform.deployer = replace(platform.deployer, subject_type=AuthSubjectType.INTERNAL)

    with pytest.raises(ValidationError, match="can't own a job"):
        platform.submit()


def test_an_unknown_target_is_refused_with_those_there_are(platform):
    with pytest.raises(ValidationError, match="process"):
        platform.submit(infrastructure_target="moon")


def test_nothing_is_deployed_in_maintenance(platform):
    with platform.unit_of_work() as uow:
        uow.settings.set("maintenance_mode", True)

    with pytest.raises(UnderMaintenance):
        platform.submit()


def test_a_job_without_files_and_repository_is_refused(platform):
    manifest = a_manifest_dict(git={"remote": ""})

    with pytest.raises(ValidationError, match=r"no files were sent.* git\.remote"):
        platform.services.submitter.deploy(
            a_deploy_payload(manifest=manifest, build_context=None), platform.deployer
        )


def test_unknown_build_flags_are_refused(platform):
    payload = a_deploy_payload(build_flags=["--privileged"])

    with pytest.raises(ValidationError, match="--privileged"):
        platform.services.submitter.deploy(payload, platform.deployer)


def test_a_bundle_is_named_by_its_content():
    encoded = base64.b64encode(gzip.compress(b"tar", mtime=0)).decode()

    assert read_bundle(encoded, 1000) == read_bundle(encoded, 1000)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not base64!", "not base64"),
        (base64.b64encode(b"plain").decode(), "not a gzip-compressed tar"),
        (base64.b64encode(b"\x1f\x8b" + b"x" * 2000).decode(), "at most"),
    ],
)
def test_a_bad_bundle_is_refused(content, message):
    with pytest.raises(ValidationError, match=message):
        read_bundle(content, 1000)
