"""The plugin of the job type python3."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import Manifest

PLUGIN_DIR = Path(__file__).parents[1] / "plugin"


@pytest.fixture
def plugin(tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/racetrack_job_wrapper-3.0.0-py3-none-any.whl").touch()
    spec = importlib.util.spec_from_file_location("python3_plugin", PLUGIN_DIR / "plugin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.Plugin.plugin_manifest = SimpleNamespace(version="3.0.0")
    module.Plugin.plugin_dir = tmp_path
    return module.Plugin()


def a_manifest(extra, **fields):
    content = {
        "name": "adder",
        "owner_email": "sample@example.com",
        "git": {"remote": "https://example.com/x"},
        "jobtype": "python3:latest",
        "jobtype_extra": extra,
    }
    return Manifest.model_validate(content | fields)


def render(manifest):
    return jinja2.Template((PLUGIN_DIR / "job-template.Dockerfile").read_text()).render(
        manifest=manifest,
        manifest_jobtype_extra=manifest.get_jobtype_extra(),
        env_vars=manifest.build_env or {},
        git_version="tar",
        deployed_by_racetrack_version="latest",
        job_type_version="3.0.0",
    )


def test_the_job_type_offers_an_image_and_a_process(plugin):
    definition = plugin.job_types()["python3:3.0.0"]

    assert definition["images"][0]["dockerfile_path"] == "job-template.Dockerfile"
    assert definition["process"]["packages"] == [
        "wheels/racetrack_job_wrapper-3.0.0-py3-none-any.whl"
    ]
    assert definition["process"]["command"][:3] == ["{python}", "-u", "-m"]


def test_a_good_manifest_passes(plugin):
    extra = {"entrypoint_path": "adder.py", "max_concurrency": "3", "check_requirements": "true"}

    plugin.validate_job_manifest(a_manifest(extra | {"unknown": 1}), "python3:3.0.0")


def test_every_error_of_a_bad_manifest_is_named(plugin):
    extra = {
        "entrypoint_class": 5,
        "requirements_path": "../requirements.txt",
        "max_concurrency": "many",
        "python_version": 3.1,
        "check_requirements": "perhaps",
    }
    manifest = a_manifest(
        extra, system_dependencies=["curl; reboot"], build_env={"A B": "x", "KEY": "a\nUSER root"}
    )

    with pytest.raises(ValidationError) as caught:
        plugin.validate_job_manifest(manifest, "python3:3.0.0")

    for part in (
        "entrypoint_path is missing",
        "entrypoint_class must be text",
        "requirements_path must be a path inside",
        "max_concurrency must be a whole number",
        "python_version must be 3.10 or newer",
        "check_requirements must be true or false",
        "'curl; reboot'",
        "'A B'",
        "build_env.KEY must be one line",
    ):
        assert part in str(caught.value)


def test_the_image_needs_no_compiler_without_requirements():
    dockerfile = render(a_manifest({"entrypoint_path": "adder.py", "entrypoint_class": "Adder"}))

    assert dockerfile.startswith("# syntax=docker/dockerfile:1\n")
    assert "FROM python:3.13-slim-trixie\n" in dockerfile
    assert "apt-get" not in dockerfile
    assert "build_secrets" not in dockerfile
    assert dockerfile.endswith('"racetrack_job_wrapper", "run", "adder.py", "Adder"]')


def test_code_is_copied_after_everything_that_takes_long():
    extra = {"entrypoint_path": "a.py", "requirements_path": "deps/requirements.txt"}
    dockerfile = render(a_manifest(extra, build_env={"QUOTE": 'say "$HOME"'}))

    steps = [line.split()[0] for line in dockerfile.splitlines() if line[:1].isupper()]
    assert steps.index("USER") > steps.index("COPY")
    assert dockerfile.index("pip install --root-user-action=ignore -r") < dockerfile.index(
        "COPY --chown"
    )
    assert 'COPY ["deps/requirements.txt", "/tmp/requirements.txt"]' in dockerfile
    assert 'ENV QUOTE="say \\"\\$HOME\\""' in dockerfile
