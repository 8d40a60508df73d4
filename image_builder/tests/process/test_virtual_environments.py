import os
import pathlib
import signal
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from image_builder.testing.builders import ADDER, write_wheel
from racetrack_commons.testing.builders import a_manifest_dict
from racetrack_commons.testing.serving import free_port, wait_until

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
from image_builder.process.virtual_environments import Environments, EnvironmentSpec
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
