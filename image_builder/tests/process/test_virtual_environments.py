import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from image_builder.process.environment_spec import EnvironmentSpec
from image_builder.process.virtual_environments import Environments
from image_builder.running.programs import Cancellation
from image_builder.running.progress import BuildLogFile, BuildProgress, EventHistory
from image_builder.testing.builders import ADDER, write_wheel
from racetrack_commons.redaction import SecretRedactor
from racetrack_commons.testing.builders import a_manifest_dict
from racetrack_commons.testing.serving import free_port, wait_until
from uv import find_uv_bin

EXTRA = {
    "entrypoint_path": "adder.py",
    "entrypoint_class": "Adder",
    "requirements_path": "requirements.txt",
}


def manifest_with(**keys):
    return a_manifest_dict(jobtype_extra=EXTRA, **keys)


def files_with(requirements, **more):
    return {"adder.py": ADDER, "requirements.txt": requirements, **more}


@pytest.fixture
def package_index(tmp_path):
    """A package index with one package, `flowers`; after a stop, only the cache of uv has the package."""
    root = tmp_path / "index"
    (root / "simple/flowers").mkdir(parents=True)
    wheel = write_wheel(root / "simple/flowers", "flowers")
    (root / "simple/flowers/index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    seen = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(root))

        def end_headers(self):
            self.send_header("Cache-Control", "max-age=0")
            super().end_headers()

        def log_message(self, *_):
            seen.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    stopped = threading.Event()

    def stop():
        if not stopped.is_set():
            stopped.set()
            server.shutdown()
            server.server_close()
            thread.join()

    yield f"http://127.0.0.1:{server.server_port}/simple", stop
    stop()


SHOW_VERSION = "from importlib.metadata import version; print(version('flowers'))"


BACKEND = """
import zipfile
from pathlib import Path

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "lib-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory) / name, "w") as wheel:
        info = "lib-1.0.dist-info"
        wheel.writestr("lib.py", "x = 1")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: lib\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", f"lib.py,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n")
    return name
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "lib"
version = "1.0"
"""


def write_library(directory):
    """Write a repository with a library that is built without any index."""
    directory.mkdir()
    (directory / "backend.py").write_text(BACKEND)
    (directory / "pyproject.toml").write_text(PYPROJECT)
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "first"],
    ):
        subprocess.run(["git", *arguments], cwd=directory, check=True)


def python_of(config, tag="tag-1"):
    return (
        (config.images_dir / "adder" / tag / "image.json")
        .read_text()
        .split('"python": "')[1]
        .split('"')[0]
    )


def imports(python, module):
    return (
        subprocess.run(
            [python, "-c", f"import {module}"], capture_output=True, check=False
        ).returncode
        == 0
    )


def test_jobs_without_requirements_share_an_environment_that_is_there_before_them(build, config):
    wait_until(lambda: list(config.environments_dir.glob("*/environment.json")), 30)
    build(tag="one", deployment_id="1")
    build({"adder.py": ADDER + "#"}, tag="two", deployment_id="2")

    assert python_of(config, "one") == python_of(config, "two")
    assert imports(python_of(config, "one"), "tiny")
    assert len(list(config.environments_dir.glob("*/environment.json"))) == 1


def test_requirements_are_installed_beside_the_job_types_packages(build, config, package_index):
    url, _ = package_index
    manifest = manifest_with(build_env={"PIP_INDEX_URL": url})
    done = build(files_with("flowers\n"), manifest=manifest)

    assert done.error is None
    assert imports(python_of(config), "flowers")
    assert imports(python_of(config), "tiny")


def test_when_the_index_is_away_the_cache_serves(build, config, package_index):
    url, stop = package_index
    manifest = manifest_with(build_env={"PIP_INDEX_URL": url})
    assert build(files_with("flowers==1.0.0\n"), manifest=manifest).error is None
    stop()

    again = build(files_with("flowers>=1\n"), manifest=manifest, tag="2", deployment_id="2")
    assert again.error is None
    assert "come from the cache" in again.warnings[0]
    assert imports(python_of(config, "2"), "flowers")


def test_a_requirement_that_does_not_exist_is_told_with_the_last_lines_of_uv(build, package_index):
    url, _ = package_index
    manifest = manifest_with(build_env={"PIP_INDEX_URL": url})
    done = build(files_with("no-such-flower==9.9\n"), manifest=manifest)

    assert "the requirements in requirements.txt can't be installed" in done.error
    assert "no-such-flower" in done.error
    assert "no-such-flower" in done.result["logs"]


def test_an_index_that_never_answered_is_the_cause_told(build):
    manifest = manifest_with(build_env={"PIP_INDEX_URL": f"http://127.0.0.1:{free_port()}/simple"})

    assert "127.0.0.1" in build(files_with("flowers\n"), manifest=manifest).error


def test_a_missing_requirements_file_is_named(build):
    assert "'requirements.txt' is not among" in build(manifest=manifest_with()).error


def test_secret_variables_reach_the_installation_and_nothing_else(
    build, config, package_index, tmp_path
):
    url, _ = package_index
    secret = "tulip-9431-secret"
    backend = (
        "import os, pathlib\n"
        f"pathlib.Path({str(tmp_path / 'seen')!r}).write_text(repr(dict(os.environ)))\n"
        "raise SystemExit('leak: ' + os.environ['INDEX_PASSWORD'])\n"
    )
    project = (
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "lib"\nversion = "1"\n'
    )
    done = build(
        files_with("./lib\n", **{"lib/backend.py": backend, "lib/pyproject.toml": project}),
        manifest=manifest_with(build_env={"PIP_INDEX_URL": url}),
        secret_build_env={"INDEX_PASSWORD": secret},
    )

    assert secret in (tmp_path / "seen").read_text()
    assert "AUTH_KEY" not in (tmp_path / "seen").read_text()
    assert "leak: ***" in done.error
    logs = "".join(path.read_text() for path in config.build_logs_dir.iterdir())
    assert secret not in done.text + logs


def test_an_image_holds_public_build_variables_and_no_secret_ones(build, config, package_index):
    url, _ = package_index
    secret = "tulip-9431-secret"
    done = build(
        files_with("flowers\n"),
        manifest=manifest_with(build_env={"PIP_INDEX_URL": url, "COLOR": "red"}),
        secret_build_env={"INDEX_PASSWORD": secret},
    )

    assert done.error is None
    image = (config.images_dir / "adder/tag-1/image.json").read_text()
    assert '"COLOR": "red"' in image
    for root in (config.images_dir, config.environments_dir):
        texts = (p.read_bytes() for p in root.rglob("*") if p.is_file() and not p.is_symlink())
        assert not any(secret.encode() in text for text in texts)


def test_two_builders_at_once_make_an_environment_once(start, build, config, package_index):
    url, _ = package_index
    manifest = manifest_with(build_env={"PIP_INDEX_URL": url})
    builders = [start(), start()]
    results = []

    def run(number):
        done = build(
            files_with("flowers\n", **{"number.txt": str(number)}),
            manifest=manifest,
            tag=str(number),
            deployment_id=str(number),
            using=builders[number],
        )
        results.append(done)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [done.error for done in results] == [None, None]
    assert sum("Installed" in done.log for done in results) == 1
    assert python_of(config, "0") == python_of(config, "1")


def test_a_builder_killed_while_it_makes_an_environment_leaves_nothing_broken(
    tmp_path, build, start, config
):
    reached = tmp_path / "reached"
    slow_uv = tmp_path / "uv"
    slow_uv.write_text(
        f'#!/bin/sh\nfor last; do :; done\nmkdir -p "$last"\n'
        f'printf %s "$last" >{reached}.new; mv {reached}.new {reached}; sleep 60\n'
    )
    slow_uv.chmod(0o700)
    script = f"""
import pathlib, sys
from image_builder.running.programs import Cancellation
from image_builder.running.progress import BuildLogFile, BuildProgress, EventHistory
from racetrack_commons.redaction import SecretRedactor
from image_builder.process.environment_spec import EnvironmentSpec
from image_builder.process.virtual_environments import Environments
root = pathlib.Path({str(config.environments_dir)!r})
log = BuildLogFile(root / "log", 1000)
progress = BuildProgress(EventHistory(), log, SecretRedactor([]), Cancellation(), lambda *_: None)
spec = EnvironmentSpec(python=sys.executable, python_version="x", packages=[])
Environments(root, pathlib.Path({str(slow_uv)!r}), {{"PATH": "/usr/bin:/bin"}}, 60).make_or_reuse(spec, root, progress)
"""
    config.environments_dir.mkdir(exist_ok=True)
    builder = subprocess.Popen([sys.executable, "-c", script])
    wait_until(reached.exists, 30)
    leftover = pathlib.Path(reached.read_text())
    os.kill(builder.pid, signal.SIGKILL)
    builder.wait()

    assert leftover.is_dir()
    client = start()
    assert not leftover.exists()
    assert build(using=client).error is None


def test_settings_above_the_directory_of_a_job_do_not_count(tmp_path, environment):
    # They are not part of the digest, so they would reach other jobs with the same requirements.
    job = tmp_path / "repository/job"
    job.mkdir(parents=True)
    (job.parent / "uv.toml").write_text('required-version = "==0.0.1"\n')
    requirements = job / "requirements.txt"
    requirements.write_text(f"./{write_wheel(job, 'flowers').name}\n")
    spec = EnvironmentSpec(sys.executable, "x", [], requirements=requirements)
    environments = Environments(tmp_path / "made", Path(find_uv_bin()), environment, 60)

    with BuildLogFile(tmp_path / "log", 1000) as log:
        progress = BuildProgress(
            EventHistory(), log, SecretRedactor([]), Cancellation(), lambda *_: None
        )
        made = environments.make_or_reuse(spec, job, progress)

    assert list(made.directory.rglob("flowers.py"))


def test_no_environment_shares_files_with_another_or_with_the_cache(build, config, package_index):
    url, _ = package_index
    manifest = manifest_with(build_env={"PIP_INDEX_URL": url})
    for tag, requirement in (("one", "flowers"), ("two", "flowers>=1")):
        build(files_with(requirement), manifest=manifest, tag=tag, deployment_id=tag)

    installed = [
        next(pathlib.Path(python_of(config, tag)).parents[1].rglob("flowers.py"))
        for tag in ("one", "two")
    ]

    assert [path.stat().st_nlink for path in installed] == [1, 1]


def test_a_package_that_the_job_imports_is_added_without_a_requirements_file(
    build, config, package_index
):
    url, _ = package_index
    manifest = a_manifest_dict(build_env={"PIP_INDEX_URL": url})
    build({"adder.py": "import flowers\n" + ADDER}, manifest=manifest)
    build({"adder.py": ADDER}, manifest=manifest, tag="plain", deployment_id="2")

    assert imports(python_of(config), "flowers")
    assert imports(python_of(config), "tiny")
    assert not imports(python_of(config, "plain"), "flowers")


class TestAJobTypeWithoutPackages:
    @pytest.fixture
    def recipe(self, recipe):
        return recipe | {"packages": []}

    def test_a_package_that_the_job_imports_is_added(self, build, config, package_index):
        url, _ = package_index
        manifest = a_manifest_dict(build_env={"PIP_INDEX_URL": url})
        build({"adder.py": "import flowers\n" + ADDER}, manifest=manifest)

        assert imports(python_of(config), "flowers")


def test_a_python_for_which_there_are_wheels_is_named(build, package_index, tmp_path):
    directory = tmp_path / "index/simple/flowers"
    (wheel,) = directory.glob("*.whl")
    wheel = wheel.rename(directory / "flowers-1.0.0-cp310-cp310-manylinux_2_17_x86_64.whl")
    (directory / "index.html").write_text(f'<a href="{wheel.name}">.</a>')

    manifest = manifest_with(build_env={"PIP_INDEX_URL": package_index[0]})
    done = build(files_with("flowers\n"), manifest=manifest)

    assert "it can be for Python 3.10: set `python_version: '3.10'` in jobtype_extra" in done.error


def test_a_build_dependency_that_is_missing_is_named_and_uv_toml_mends_it(build, package_index):
    files = {
        "lib/backend.py": f"import flowers\n{BACKEND}",
        "lib/pyproject.toml": PYPROJECT,
    }
    manifest = manifest_with(build_env={"PIP_INDEX_URL": package_index[0]})
    done = build(files_with("lib @ ./lib\n", **files), manifest=manifest)

    cure = 'put a file uv.toml beside job.yaml with the line `extra-build-dependencies = { lib = ["flowers"] }`'
    assert f"the requirements in requirements.txt can't be installed; {cure}" in done.error
    assert "the build of lib imports flowers" in done.error
    files["uv.toml"] = 'extra-build-dependencies = { lib = ["flowers"] }\n'
    mended = files_with("lib @ ./lib\n", **files)
    assert build(mended, manifest=manifest, tag="2", deployment_id="2").error is None


class TestMovingRequirements:
    """Unpinned requirements, after a newer release."""

    @pytest.fixture
    def rebuild(self, build, config, package_index, tmp_path):
        manifest = manifest_with(build_env={"PIP_INDEX_URL": package_index[0]})
        numbers = iter(range(1, 100))

        def run(*flags, requirements="flowers\n", code=ADDER):
            number = str(next(numbers))
            files = {"adder.py": code, "requirements.txt": requirements}
            done = build(
                files, manifest=manifest, tag=number, deployment_id=number, build_flags=list(flags)
            )
            assert done.error is None
            done.version = subprocess.check_output(
                [python_of(config, done.result["image_tag"]), "-c", SHOW_VERSION], text=True
            ).strip()
            return done

        return run

    @pytest.fixture
    def release(self, tmp_path):
        def run(version):
            directory = tmp_path / "index/simple/flowers"
            write_wheel(directory, "flowers", version)
            links = "".join(f'<a href="{each.name}">.</a>' for each in directory.glob("*.whl"))
            (directory / "index.html").write_text(links)

        return run

    def test_versions_are_recorded_and_their_reuse_is_said(self, rebuild, release):
        assert "packages: flowers 1.0.0, tiny 1.0.0" in rebuild().log
        release("2.0.0")

        again = rebuild(code=ADDER + "#")

        assert again.version == "1.0.0"
        assert "used again (flowers 1.0.0); --upgrade looks for newer ones" in again.warnings[0]

    def test_fixed_versions_are_used_again_without_a_word(self, rebuild):
        assert rebuild(requirements="flowers==1.0.0\n").warnings == []
        assert rebuild(requirements="flowers==1.0.0\n").warnings == []

    @pytest.mark.parametrize("flag", ["--upgrade", "--no-cache"])
    def test_a_refreshed_environment_is_the_one_of_later_builds(self, rebuild, release, flag):
        rebuild()
        release("2.0.0")

        assert rebuild(flag).version == "2.0.0"
        assert rebuild().version == "2.0.0"
        assert rebuild(code=ADDER + "#").version == "2.0.0"

    def test_an_upgrade_without_newer_packages_makes_nothing_new(self, rebuild, config, release):
        def list_environments():
            return set(config.environments_dir.glob("[!.]*"))

        first = rebuild()
        before = list_environments()
        upgraded = rebuild("--upgrade")

        assert "there are no newer packages" in upgraded.log
        assert upgraded.result["image_tag"] == first.result["image_tag"]
        assert upgraded.warnings == []
        assert list_environments() == before
        rebuild("--no-cache")
        assert len(list_environments() - before) == 1
        release("2.0.0")
        assert rebuild("--upgrade").version == "2.0.0"

    def test_when_the_newest_environment_is_gone_another_is_made(self, rebuild, release, config):
        rebuild()
        release("2.0.0")
        newest = rebuild("--upgrade").result["image_tag"]
        shutil.rmtree(pathlib.Path(python_of(config, newest)).parents[1])

        assert rebuild(code=ADDER + "#").version in ("1.0.0", "2.0.0")


def test_the_commit_of_a_requirement_from_git_is_recorded(build, tmp_path):
    library = tmp_path / "library"
    write_library(library)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=library, text=True).strip()

    done = build(
        files_with(f"lib @ git+file://{library}@main\n"),
        manifest=manifest_with(build_env={"UV_NO_INDEX": "1"}),
    )

    assert done.error is None
    assert f"lib 1.0 at commit {commit[:10]}" in done.log
