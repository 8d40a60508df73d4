"""The plugin of the job type dockerfile, installed as on a platform."""

import pytest
from racetrack_client.log.errors import ValidationError
from racetrack_commons.plugin.job_types import JobTypeNotSupported, resolve_job_type
from racetrack_commons.testing.builders import a_manifest

PATH = "{{ manifest_jobtype_extra.dockerfile_path or (manifest.docker or {}).dockerfile_path or 'Dockerfile' }}"


@pytest.fixture
def plugin(engine):
    return engine.find_plugin("dockerfile-job-type").plugin_instance


def a_web_manifest(**fields):
    return a_manifest("web", jobtype="dockerfile:latest", **{"jobtype_extra": ...} | fields)


def test_containers_get_the_image_of_the_jobs_own_dockerfile(engine):
    job_type = resolve_job_type(engine, "dockerfile:latest", "docker")

    [image] = job_type.images
    assert (image.source, image.template) == ("job", True)
    assert image.dockerfile_path == PATH


def test_a_process_target_is_told_that_it_can_not_have_it(engine):
    with pytest.raises(JobTypeNotSupported, match="dockerfile:latest is not available for process"):
        resolve_job_type(engine, "dockerfile:latest", "process")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "Dockerfile"),
        ({"jobtype_extra": {"dockerfile_path": "a/web.Dockerfile"}}, "a/web.Dockerfile"),
        ({"docker": {"dockerfile_path": "old.Dockerfile"}}, "old.Dockerfile"),
    ],
)
def test_the_manifest_names_the_dockerfile(engine, render, fields, path):
    [image] = resolve_job_type(engine, "dockerfile:latest", "docker").images

    assert render(image.dockerfile_path, a_web_manifest(**fields)) == path


@pytest.mark.parametrize("path", ["../Dockerfile", "/etc/Dockerfile", "", 5])
def test_a_dockerfile_outside_the_job_is_refused(plugin, path):
    manifest = a_web_manifest(jobtype_extra={"dockerfile_path": path})

    with pytest.raises(ValidationError, match="must be a path inside the job's directory"):
        plugin.validate_job_manifest(manifest, "dockerfile:1.1.0")


def test_a_manifest_without_settings_passes(plugin):
    plugin.validate_job_manifest(a_web_manifest(), "dockerfile:1.1.0")


def test_the_documentation_tells_what_a_container_must_answer(plugin):
    assert "JOB_DEPLOYMENT_TIMESTAMP" in plugin.markdown_docs()
