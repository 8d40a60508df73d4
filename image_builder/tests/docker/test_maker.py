import json

import pytest
from image_builder.job_type.job_type import ImageTemplate
from image_builder.testing.engine import docker
from image_builder.testing.payloads import a_manifest

pytestmark = pytest.mark.docker


def read(image, path):
    return docker("run", "--rm", "--network=none", image, "cat", path)


def inspect(image):
    return json.loads(docker("image", "inspect", image))[0]


def test_a_build_makes_an_image_of_source_and_job_type(build_docker, platform):
    done = build_docker(manifest=a_manifest(build_env={"COLOUR": "red"}))

    assert done.error is None
    name = f"{platform}/job-entrypoint/adder:tag-1"
    assert done.result["image_names"] == [name]
    assert done.result["image_tag"] == "tag-1"
    assert read(name, "/hello.txt") == "hello"
    assert "name: adder" in read(name, "/src/job/job.yaml")
    environment = inspect(name)["Config"]["Env"]
    assert {"COLOUR=red", "JOB_NAME=adder", "GIT_VERSION=tar", "TYPE=3.0.0"} <= set(environment)


def test_images_say_whose_they_are(build_docker, platform):
    labels = inspect(build_docker().result["image_names"][0])["Config"]["Labels"]

    assert labels.pop("racetrack-content-digest")
    assert labels == {
        "racetrack-component": "job",
        "racetrack-platform": platform,
        "job-name": "adder",
        "job-version": "0.0.1",
    }


def test_the_phases_have_their_contract_names(build_docker, use_images, plugin_directory):
    (plugin_directory / "second.Dockerfile").write_text("FROM debian:trixie-slim\nENV second=1\n")
    use_images(
        ImageTemplate("job.Dockerfile", is_in_job=False, is_template=True),
        ImageTemplate("second.Dockerfile", is_in_job=False, is_template=False),
    )

    done = build_docker()

    assert done.phases == [
        "fetching the source code",
        "preparing job type builder",
        "building image (1/2)",
        "building image (2/2)",
        "cleaning up the workspace",
        "finalizing the build",
    ]
    assert [name.split("/")[1] for name in done.result["image_names"]] == [
        "job-entrypoint",
        "job-1",
    ]


def test_the_same_content_gets_a_second_name_instead_of_a_second_build(build_docker):
    first = build_docker(tag="first", deployment_id="1").result["image_names"][0]
    again = build_docker(tag="second", deployment_id="2")

    assert "used again" in again.log
    assert inspect(again.result["image_names"][0])["Id"] == inspect(first)["Id"]


def test_a_manifest_may_name_its_dockerfile(build_docker, use_images):
    use_images(
        ImageTemplate(
            "{{ manifest_jobtype_extra.dockerfile_path }}", is_in_job=True, is_template=True
        )
    )
    files = {"deploy/web.Dockerfile": "FROM debian:trixie-slim\nLABEL made={{ manifest.name }}\n"}
    manifest = a_manifest(jobtype_extra={"dockerfile_path": "deploy/web.Dockerfile"})

    done = build_docker(files=files, manifest=manifest)

    assert inspect(done.result["image_names"][0])["Config"]["Labels"]["made"] == "adder"


def test_a_dockerfile_that_is_not_there_is_named(build_docker, in_job):
    assert "the Dockerfile 'Dockerfile' is not among the job's files" in build_docker().error
