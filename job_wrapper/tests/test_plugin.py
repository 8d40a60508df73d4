"""The plugin of the job type python3."""

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import Manifest
from racetrack_client.manifest.rules import KEYS_OF_JOB_TYPES
from racetrack_commons.testing.builders import a_manifest_dict

PLUGIN_DIR = Path(__file__).parents[1] / "plugin"


@pytest.fixture
def plugin(tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/racetrack_job_wrapper-3.0.0-py3-none-any.whl").touch()
    spec = importlib.util.spec_from_file_location("python3_plugin", PLUGIN_DIR / "plugin.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["python3_plugin"] = module
    spec.loader.exec_module(module)
    module.Plugin.plugin_manifest = SimpleNamespace(version="3.0.0")
    module.Plugin.plugin_dir = tmp_path
    return module.Plugin()


def manifest_with(extra, **fields):
    return Manifest.model_validate(a_manifest_dict(jobtype_extra=extra, **fields))


def render(manifest, **variables):
    return jinja2.Template((PLUGIN_DIR / "job-template.Dockerfile").read_text()).render(
        manifest=manifest,
        manifest_jobtype_extra=manifest.get_jobtype_extra(),
        env_vars=manifest.build_env or {},
        git_version="tar",
        deployed_by_racetrack_version="latest",
        job_type_version="3.0.0",
        **variables,
    )


def test_the_job_type_offers_an_image_and_a_process(plugin):
    definition = plugin.job_types()["python3:3.0.0"]

    assert definition["images"][0]["dockerfile_path"] == "job-template.Dockerfile"
    assert definition["process"]["packages"] == [
        "wheels/racetrack_job_wrapper-3.0.0-py3-none-any.whl"
    ]
    assert definition["process"]["command"][3:5] == ["-m", "racetrack_job_wrapper"]


def test_the_client_knows_the_keys_of_the_job_type(plugin):
    assert set(KEYS_OF_JOB_TYPES["python3"]) == sys.modules[type(plugin).__module__].KNOWN


def test_a_good_manifest_passes(plugin):
    extra = {"entrypoint_path": "adder.py", "max_concurrency": "3", "check_requirements": "true"}

    plugin.validate_job_manifest(manifest_with(extra | {"unknown": 1}), "python3:3.0.0")


def test_every_error_of_a_bad_manifest_is_named(plugin):
    extra = {
        "entrypoint_class": 5,
        "requirements_path": "../requirements.txt",
        "max_concurrency": "many",
        "max_websocket_message": "0Mi",
        "python_version": 3.1,
        "check_requirements": "perhaps",
        "debian_version": "slim trixie",
        "debian_backports": "true",
        "entrypoint_clas": "Adder",
    }
    manifest = manifest_with(
        extra, system_dependencies=["curl; reboot"], build_env={"A B": "x", "KEY": "a\nUSER root"}
    )

    with pytest.raises(ValidationError) as caught:
        plugin.validate_job_manifest(manifest, "python3:3.0.0")

    for part in (
        "entrypoint_path is missing",
        "entrypoint_class must be text",
        "requirements_path must be a path inside",
        "max_concurrency must be a whole number",
        "max_websocket_message must be a size of one or more bytes, such as 64Mi",
        "python_version must be 3.10 or newer",
        "check_requirements must be true or false",
        "debian_version must be what follows the version",
        "debian_backports is not offered",
        "entrypoint_clas is not known; did you mean entrypoint_class?",
        "'curl; reboot'",
        "'A B'",
        "build_env.KEY must be one line",
    ):
        assert part in str(caught.value)


def test_the_image_of_a_plain_job_holds_what_every_job_has_and_its_code():
    dockerfile = render(manifest_with({"entrypoint_path": "adder.py", "entrypoint_class": "Adder"}))

    assert dockerfile.startswith("FROM python:3.13-slim-trixie AS base\n")
    assert "apt-get" not in dockerfile
    assert '["python", "/installer/install.py", "job", "/src/job-venv"]\n' in dockerfile
    assert dockerfile.endswith('"racetrack_job_wrapper", "run", "adder.py", "Adder"]')


def test_code_is_copied_after_everything_that_takes_long():
    extra = {"entrypoint_path": "a.py", "requirements_path": "deps/my requirements.txt"}
    dockerfile = render(
        manifest_with(
            extra, build_env={"QUOTE": 'say "$HOME"'}, system_dependencies=["libgomp1", "curl"]
        )
    )

    steps = [line for line in dockerfile.splitlines() if line.startswith(("RUN", "COPY", "FROM"))]
    assert steps[-2:] == [
        "COPY --from=environment /src/job-venv /src/job-venv",
        "COPY --chown=100000:100000 . .",
    ]
    assert 'COPY ["deps/my requirements.txt", "./deps/my requirements.txt"]' in dockerfile
    assert '"/src/job-venv", "--requirements", "deps/my requirements.txt"]' in dockerfile
    assert 'ENV QUOTE="say \\"\\$HOME\\""' in dockerfile
    assert "install -y --no-install-recommends libgomp1 curl\n" in dockerfile


def test_every_file_that_requirements_lead_to_is_there_when_they_are_installed():
    manifest = manifest_with({"entrypoint_path": "a.py", "requirements_path": "requirements.txt"})

    dockerfile = render(manifest, requirements_files=["requirements.txt", "base.txt"])

    assert (
        'COPY ["requirements.txt", "./requirements.txt"]\nCOPY ["base.txt", "./base.txt"]'
        in dockerfile
    )


@pytest.mark.parametrize(
    ("modules", "packages"),
    [
        (["numpy"], []),
        (["fastapi"], ["fastapi", "jinja2", "python-multipart"]),
        (["starlette", "pydantic"], ["fastapi", "jinja2", "pydantic", "python-multipart"]),
        (["jinja2", "multipart"], ["jinja2", "python-multipart"]),
    ],
)
def test_packages_of_older_wrappers_are_there_when_the_job_imports_them(plugin, modules, packages):
    process = plugin.job_types()["python3:3.0.0"]["process"]
    rendered = [
        jinja2.Template(each).render(imported_modules=modules) for each in process["requirements"]
    ]
    image = render(manifest_with({"entrypoint_path": "a.py"}), imported_modules=modules)

    assert [each for each in rendered if each] == packages
    command = ["python", "/installer/install.py", "job", "/src/job-venv", *packages]
    assert f"{json.dumps(command)}\n" in image


def test_an_image_starts_from_the_python_that_the_manifest_names():
    extra = {"entrypoint_path": "a.py", "python_version": "3.11", "debian_version": "slim-bookworm"}

    assert render(manifest_with(extra)).startswith("FROM python:3.11-slim-bookworm AS base\n")


def test_a_profiled_job_gets_the_profiler():
    dockerfile = render(manifest_with({"entrypoint_path": "a.py", "memray_profiler": "true"}))

    assert '"/src/job-venv", "memray\\u003e=1.17"]' in dockerfile
    assert '  MEMRAY_PROFILER="true" \\\n  JOB_NAME="adder" \\\n' in dockerfile


def test_an_old_manifest_gives_the_same_image():
    new = manifest_with({"entrypoint_path": "a.py", "check_requirements": "true"})
    old = manifest_with(
        None, jobtype=None, lang="python3:latest", python={"entrypoint_path": "a.py"}
    )

    assert render(old) == render(new)
