import os

import pytest
from image_builder.testing.builders import ADDER, FakeJobTypes, a_job_type
from image_builder.testing.docker_engine import platform_of_its_own
from racetrack_client.entities import ImageKind
from racetrack_commons.plugin.job_type_definition import ImageDefinition, ImageSource

TEMPLATE = """FROM debian:trixie-slim
{% for name, value in env_vars.items() %}ENV {{ name }}="{{ value }}"
{% endfor %}
COPY --from=jobtype hello.txt /hello.txt
COPY . /src/job/
ENV JOB_NAME="{{ manifest.name }}" GIT_VERSION="{{ git_version }}" TYPE="{{ job_type_version }}"
CMD ["sleep", "infinity"]
"""


@pytest.fixture
def platform():
    with platform_of_its_own() as name:
        yield name


@pytest.fixture
def config(config, platform):
    return config.model_copy(
        update={
            "image_kinds": (ImageKind.DOCKER,),
            "platform_name": platform,
            "docker_registry_namespace": platform,
            "docker_wait_seconds": 0,
        }
    )


@pytest.fixture
def environment(environment):
    return environment | {
        name: value for name, value in os.environ.items() if name.startswith("DOCKER_")
    }


@pytest.fixture
def plugin_directory(tmp_path):
    directory = tmp_path / "plugin"
    directory.mkdir()
    (directory / "hello.txt").write_text("hello\n")
    (directory / "job.Dockerfile").write_text(TEMPLATE)
    return directory


@pytest.fixture
def job_types(plugin_directory):
    images = [ImageDefinition(dockerfile_path="job.Dockerfile")]
    return FakeJobTypes([a_job_type(plugin_directory, process={}, images=images)])


@pytest.fixture
def use_images(job_types, plugin_directory):
    """Replaces the images of the job type, by default one template in the plugin."""

    def use(*images, **fields):
        job_types.all = [a_job_type(plugin_directory, process={}, images=images, **fields)]

    return use


@pytest.fixture
def build_docker(build):
    """Builds a job with `dockerfile` as its Dockerfile; without it, the job type's Dockerfile is built."""

    def run(dockerfile=None, files=None, **fields):
        files = {"adder.py": ADDER} | (files or {})
        if dockerfile is not None:
            files["Dockerfile"] = dockerfile
        return build(files, image_kind="docker", **fields)

    return run


@pytest.fixture
def in_job(use_images):
    """Makes the job type build the job's own Dockerfile, without rendering it."""
    use_images(
        ImageDefinition(dockerfile_path="Dockerfile", source=ImageSource.JOB, template=False)
    )
