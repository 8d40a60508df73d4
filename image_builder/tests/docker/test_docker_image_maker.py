import json

import pytest
from image_builder.testing.docker_engine import docker
from racetrack_commons.plugin.job_type_definition import ImageDefinition, ImageSource
from racetrack_commons.testing.builders import a_manifest_dict

pytestmark = pytest.mark.docker


def read(image, path):
    return docker("run", "--rm", "--network=none", image, "cat", path)


def inspect(image):
    return json.loads(docker("image", "inspect", image))[0]


def test_a_build_makes_an_image_of_source_and_job_type(build_docker, platform):
    done = build_docker(manifest=a_manifest_dict(build_env={"COLOUR": "red"}))

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


@pytest.mark.usefixtures("in_job")
def test_a_dockerfile_cannot_say_that_its_image_is_another_one(build_docker, platform):
    forged = "LABEL racetrack-content-digest=forged job-name=victim racetrack-platform=other\n"
    done = build_docker(f"FROM debian:trixie-slim\n{forged}")

    labels = inspect(done.result["image_names"][0])["Config"]["Labels"]
    assert labels["racetrack-content-digest"] != "forged"
    assert (labels["job-name"], labels["racetrack-platform"]) == ("adder", platform)


def test_the_phases_have_their_contract_names(build_docker, use_images, plugin_directory):
    (plugin_directory / "second.Dockerfile").write_text("FROM debian:trixie-slim\nENV second=1\n")
    use_images(
        ImageDefinition(dockerfile_path="job.Dockerfile"),
        ImageDefinition(dockerfile_path="second.Dockerfile", template=False),
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
        ImageDefinition(
            dockerfile_path="{{ manifest_jobtype_extra.dockerfile_path }}", source=ImageSource.JOB
        )
    )
    files = {"deploy/web.Dockerfile": "FROM debian:trixie-slim\nLABEL made={{ manifest.name }}\n"}
    manifest = a_manifest_dict(jobtype_extra={"dockerfile_path": "deploy/web.Dockerfile"})

    done = build_docker(files=files, manifest=manifest)

    assert inspect(done.result["image_names"][0])["Config"]["Labels"]["made"] == "adder"


def test_another_source_is_another_image(build_docker):
    first = build_docker(files={"a.txt": "1"}, deployment_id="1", tag="1").result["image_names"][0]
    again = build_docker(files={"a.txt": "2"}, deployment_id="2", tag="2").result["image_names"][0]

    assert inspect(again)["Id"] != inspect(first)["Id"]


@pytest.mark.usefixtures("in_job")
def test_without_the_cache_every_step_is_done_again(build_docker, start):
    dockerfile = "FROM debian:trixie-slim\nRUN date +%s.%N >/moment\n"
    first = build_docker(dockerfile, deployment_id="1", tag="1").result["image_names"][0]
    fresh = {"deployment_id": "2", "tag": "2", "build_flags": ["--no-cache"]}
    again = build_docker(dockerfile, **fresh).result["image_names"][0]
    resumed = build_docker(dockerfile, **fresh, using=start())

    assert read(again, "/moment") != read(first, "/moment")
    # A builder that takes over the deployment does not build again.
    assert "used again" in resumed.log


def test_metrics_have_their_contract_names(build_docker, client):
    build_docker()

    metrics = client.get("/metrics").text
    assert "images_built_total 1.0" in metrics
    labels = 'job_name="adder",job_version="0.0.1"'
    for phase in (
        "fetching the source code",
        "preparing job type builder",
        "building image",
        "cleaning up the workspace",
    ):
        assert f'image_building_phase_done_total{{{labels},phase="{phase}"}} 1.0' in metrics


def test_a_name_that_no_image_can_have_is_refused(build_docker):
    error = build_docker(manifest=a_manifest_dict(name="Adder")).error

    assert "the job name 'Adder' can't be that of an image" in error


def test_secret_variables_have_names_that_a_shell_takes(build_docker):
    error = build_docker(secret_build_env={"A; rm": "tulip"}).error

    assert "the secret build variable 'A; rm' can't be the name of a variable" in error


@pytest.mark.usefixtures("in_job")
@pytest.mark.parametrize(
    ("make", "is_told"),
    [
        ("COPY packages.json /packages.json", True),
        ("RUN ln -s /etc/passwd /packages.json", False),
        ("RUN mkdir /packages.json", False),
        ("RUN head -c 3000000 /dev/zero >/packages.json", False),
        ("RUN true", False),
    ],
)
def test_the_packages_of_an_image_are_logged_from_the_file_that_its_label_names(
    build_docker, make, is_told
):
    packages = json.dumps({"made_at": 0, "resolved": {"flowers": "1.0.0", "tiny": "2.0"}})
    dockerfile = f"FROM debian:trixie-slim\nLABEL racetrack-packages=/packages.json\n{make}\n"

    done = build_docker(dockerfile, files={"packages.json": packages})

    assert done.error is None
    assert ("packages: flowers 1.0.0, tiny 2.0" in done.log) == is_told
