"""The formats in which plugins have described job types, from the package of the plugin to the image."""

import zipfile

import pytest
from image_builder.job_type.catalog import PluginJobTypes
from image_builder.testing.docker_engine import docker
from racetrack_commons.testing.builders import a_manifest_dict

pytestmark = pytest.mark.docker

FILES = {
    "plugin-manifest.yaml": "name: types\nversion: '1.0.0'\n",
    "hello.txt": "hello",
    "job.Dockerfile": (
        "FROM {{ base_image or 'debian:trixie-slim' }}\n"
        "COPY --from=jobtype hello.txt /hello.txt\nCOPY . /src\n"
        'ENV RENDERED="{{ manifest.name }} {{ resource_name }} {{ manifest_jobtype_extra.colour }}"\n'
    ),
    "second.Dockerfile": "FROM debian:trixie-slim\nENV RENDERED='{{ as is }}'\n",
    "bases/base.Dockerfile": "FROM debian:trixie-slim\nCOPY base.txt /base.txt\n",
    "bases/base.txt": "from the base",
}
RENDERED = "RENDERED=adder job-adder-v-0-0-1 blue"


@pytest.fixture
def job_types(tmp_path):
    """The job types of one plugin, whose `job_types` returns what the test sets."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    started = []

    class Types:
        def define(self, expression):
            code = f"class Plugin:\n    def job_types(self):\n        return {{'tiny:1.0.0': {expression}}}\n"
            with zipfile.ZipFile(plugins / "types-1.0.0.zip", "w") as package:
                for name, text in {**FILES, "plugin.py": code}.items():
                    package.writestr(name, text)
            started.append(PluginJobTypes(plugins))

        def __getattr__(self, name):
            return getattr(started[0], name)

    yield Types()
    for each in started:
        each.stop()


@pytest.fixture
def build_tiny(build_docker, job_types):
    """Builds a job of the job type with this definition."""

    def run(definition, **files):
        job_types.define(definition)
        manifest = a_manifest_dict(jobtype="tiny:1.0.0", jobtype_extra={"colour": "blue"})
        return build_docker(files=files, manifest=manifest)

    return run


def run(image, *command):
    return docker("run", "--rm", "--network=none", image, *command)


@pytest.mark.parametrize(
    "definition",
    [
        "{'images': [{'dockerfile_path': 'job.Dockerfile'}]}",
        "{'images': [{'dockerfile_path': 'job.Dockerfile', 'source': 'jobtype', 'template': True}]}",
        "['job.Dockerfile']",
        "'job.Dockerfile'",
    ],
)
def test_one_template_of_the_plugin(build_tiny, definition):
    done = build_tiny(definition)

    assert done.error is None
    assert done.result["job_type_version"] == "tiny:1.0.0"
    image = done.result["image_names"][0]
    assert RENDERED in run(image, "env")
    assert run(image, "cat", "/hello.txt") == "hello"


def test_several_images_of_one_job(build_tiny, platform):
    done = build_tiny(
        "{'images': ["
        "{'dockerfile_path': 'job.Dockerfile'},"
        "{'dockerfile_path': 'second.Dockerfile', 'template': False},"
        "{'dockerfile_path': 'docker/Dockerfile', 'source': 'job'},"
        "]}",
        **{"docker/Dockerfile": "FROM debian:trixie-slim\nENV RENDERED={{ git_version }}\n"},
    )

    assert done.error is None
    names = [f"{platform}/{kind}/adder:tag-1" for kind in ("job-entrypoint", "job-1", "job-2")]
    assert done.result["image_names"] == names
    assert RENDERED in run(names[0], "env")
    assert "RENDERED={{ as is }}" in run(names[1], "env")
    assert "RENDERED=tar" in run(names[2], "env")


def test_an_image_on_a_base_of_the_plugin(build_tiny, platform):
    done = build_tiny(
        "(str(self.plugin_dir / 'bases/base.Dockerfile'), str(self.plugin_dir / 'job.Dockerfile'))"
    )

    assert done.error is None
    image = done.result["image_names"][0]
    assert run(image, "cat", "/base.txt") == "from the base"
    assert RENDERED in run(image, "env")
    assert docker("image", "ls", "--quiet", f"{platform}/job-base/tiny:1.0.0")


def test_what_an_ignore_file_names_stays_outside(build_tiny):
    done = build_tiny(
        "{'images': [{'dockerfile_path': 'docker/Dockerfile', 'source': 'job'}]}",
        **{
            "docker/Dockerfile": "FROM debian:trixie-slim\nCOPY . /src\n",
            "docker/Dockerfile.dockerignore": "notes.txt\ndocker\n",
            "notes.txt": "mine",
        },
    )

    assert done.error is None
    assert run(done.result["image_names"][0], "ls", "-A", "/src").split() == [
        "adder.py",
        "job.yaml",
    ]


@pytest.mark.parametrize(
    ("definition", "error"),
    [
        ("{'images': [{'dockerfile_path': '../../secret'}]}", "leads outside"),
        ("{'images': [{'dockerfile_path': 'missing'}]}", "install its plugin again"),
        ("[None]", "its definition is wrong"),
    ],
)
def test_wrong_definitions_are_named(build_tiny, definition, error):
    assert error in build_tiny(definition).error


def test_a_template_with_an_error_is_named(build_tiny):
    done = build_tiny(
        "{'images': [{'dockerfile_path': 'Dockerfile', 'source': 'job'}]}",
        Dockerfile="FROM debian\n{% if %}\n",
    )

    assert "Dockerfile is not a valid template: line 2" in done.error
