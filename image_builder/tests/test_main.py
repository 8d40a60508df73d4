import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from image_builder.__main__ import inherited_environment, local_config
from racetrack_client.client.pack import pack_source
from racetrack_client.client.source_files import collect_source
from racetrack_client.manifest.load import load_manifest

BUNDLED = Path(__file__).parents[2] / "build/plugins"


def run(directory, tmp_path, **variables):
    return run_builder(tmp_path, "build", str(directory), "--tag", "try", **variables)


def run_builder(tmp_path, *arguments, stdin="", **variables):
    environment = os.environ | {
        "BUNDLED_PLUGINS_DIR": str(tmp_path / "bundled"),
        "PLUGINS_DIR": str(tmp_path / "plugins"),
        "IMAGES_DIR": str(tmp_path / "images"),
        "ENVIRONMENTS_DIR": str(tmp_path / "environments"),
        "WORKSPACES_DIR": str(tmp_path / "workspaces"),
        "BUILD_LOGS_DIR": str(tmp_path / "logs"),
    }
    return subprocess.run(
        [sys.executable, "-m", "image_builder", *arguments],
        input=stdin,
        cwd=tmp_path,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_directory_without_a_manifest_is_refused_in_one_line(tmp_path):
    (tmp_path / "job").mkdir()

    done = run(tmp_path / "job", tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(
    not list(BUNDLED.glob("python3-*.zip")), reason="the job type's plugin is not bundled yet"
)
def test_a_directory_is_built_alone(tmp_path):
    shutil.copytree(
        BUNDLED, tmp_path / "bundled", ignore=shutil.ignore_patterns("extracted", "config")
    )

    done = run(Path(__file__).parents[2] / "sample/python-class", tmp_path)

    assert done.returncode == 0, done.stderr
    assert "image: adder:try" in done.stdout
    assert (tmp_path / "images/adder/try/image.json").is_file()


@pytest.mark.skipif(
    not list(BUNDLED.glob("python3-*.zip")), reason="the job type's plugin is not bundled yet"
)
def test_a_program_asks_for_an_image_and_is_told_where_it_is(tmp_path):
    shutil.copytree(
        BUNDLED, tmp_path / "bundled", ignore=shutil.ignore_patterns("extracted", "config")
    )
    sample = Path(__file__).parents[2] / "sample/python-class"
    payload = {
        "manifest": load_manifest(sample).origin_dict_,
        "build_context": base64.b64encode(pack_source(collect_source(sample))).decode(),
    }

    done = run_builder(tmp_path, "make-image", stdin=json.dumps(payload))

    assert done.returncode == 0, done.stderr
    image = json.loads(done.stdout)
    assert image["image_kind"] == "process"
    assert (Path(image["directory"]) / "image.json").is_file()
    assert "== " in done.stderr


def test_what_is_no_payload_is_refused_without_showing_it(tmp_path):
    payload = {"manifest": {}, "secret_vars": {"build_env": {"PASSWORD": ["hunter2"]}}}

    done = run_builder(tmp_path, "make-image", stdin=json.dumps(payload))

    assert (done.returncode, done.stdout) == (2, "")
    assert "see secret_vars.build_env.PASSWORD" in done.stderr
    assert "hunter2" not in done.stderr


def test_programs_of_builds_never_see_the_secrets_of_the_service(monkeypatch):
    monkeypatch.setenv("AUTH_KEY", "secret")
    monkeypatch.setenv("UV_OFFLINE", "1")

    environment = inherited_environment()

    assert "AUTH_KEY" not in environment
    assert {"PATH", "UV_OFFLINE"} <= set(environment)


def test_a_build_alone_needs_no_secrets_and_leaves_the_jobs_directory_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IMAGES_DIR", "/images")
    for name in ("AUTH_KEY", "ENVIRONMENTS_DIR", "PLUGINS_DIR"):
        monkeypatch.delenv(name, raising=False)

    config = local_config()

    assert config.images_dir == Path("/images")
    assert config.environments_dir == tmp_path / ".cache/racetrack/environments"
    assert config.plugins_dir == tmp_path / ".cache/racetrack/plugins"
