import zipfile

import pytest
from image_builder.build_request import parse_manifest_types
from image_builder.job_type.catalog import PluginJobTypes
from racetrack_client.entities import ImageKind
from racetrack_client.log.errors import ValidationError
from racetrack_commons.plugin.job_type_definition import ImageSource
from racetrack_commons.testing.builders import a_manifest_dict

PLUGIN = """
class Plugin:
    def job_types(self):
        recipe = {"command": ["{python}", "job.py"]}
        return {
            "python3:1.0.0": {"images": [{"dockerfile_path": "a.Dockerfile"}], "process": recipe},
            "python3:2.0.0": {"images": [{"dockerfile_path": "a.Dockerfile", "source": "job", "template": False}]},
            "old": {"images": []},
        }

    def validate_job_manifest(self, manifest, job_type):
        if manifest.replicas > 1:
            raise ValueError(f"{job_type} can't have replicas")
"""


def install(plugins_dir, version="1.0.0", code=PLUGIN):
    with zipfile.ZipFile(plugins_dir / f"types-{version}.zip", "w") as package:
        package.writestr("plugin-manifest.yaml", f"name: types\nversion: '{version}'\n")
        package.writestr("plugin.py", code)


@pytest.fixture
def plugins_dir(tmp_path):
    directory = tmp_path / "plugins"
    directory.mkdir()
    install(directory)
    return directory


@pytest.fixture
def job_types(plugins_dir):
    job_types = PluginJobTypes(plugins_dir)
    yield job_types
    job_types.stop()


def test_latest_is_the_highest_version_that_can_make_the_image(job_types):
    assert str(job_types.resolve("python3:latest", ImageKind.PROCESS)) == "python3:1.0.0"
    docker = job_types.resolve("python3:latest", ImageKind.DOCKER)
    assert str(docker) == "python3:2.0.0"
    assert (docker.images[0].source, docker.images[0].template) == (ImageSource.JOB, False)


def test_what_cannot_run_is_refused_with_the_list_of_what_can(job_types):
    with pytest.raises(ValidationError, match=r"python3:1\.0\.0"):
        job_types.resolve("python3:2.0.0", ImageKind.PROCESS)


def test_the_plugin_may_refuse_a_manifest(job_types):
    job_type = job_types.resolve("python3:latest", ImageKind.PROCESS)

    job_types.check_manifest(job_type, parse_manifest_types(a_manifest_dict()))
    with pytest.raises(ValidationError, match=r"^python3:1\.0\.0 can't have replicas$"):
        job_types.check_manifest(job_type, parse_manifest_types(a_manifest_dict(replicas=2)))


def test_a_plugin_that_was_installed_a_moment_ago_is_found(job_types, plugins_dir):
    install(plugins_dir, "2.0.0", PLUGIN.replace("python3:1.0.0", "python3:9.0.0"))

    assert str(job_types.resolve("python3:latest", ImageKind.PROCESS)) == "python3:9.0.0"


def test_a_plugin_that_was_removed_a_moment_ago_is_not_used(job_types, plugins_dir):
    (plugins_dir / "types-1.0.0.zip").unlink()

    with pytest.raises(ValidationError, match="python3:latest"):
        job_types.resolve("python3:latest", ImageKind.PROCESS)
