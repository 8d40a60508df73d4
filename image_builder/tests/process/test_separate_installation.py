"""Builds as root: code of strangers runs as a user of the build, and leaves nothing that it could change later."""

import os
import stat
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest
from image_builder.running.build_users import BuildUsers, find_build_users
from image_builder.running.programs import Command
from image_builder.testing.builders import ADDER, write_wheel
from racetrack_commons.os_users.entrance import hide_variables
from racetrack_commons.os_users.user_range import UserRange
from racetrack_commons.testing.builders import a_manifest_dict

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root may run builds as other users"
)
EXTRA = {
    "entrypoint_path": "adder.py",
    "entrypoint_class": "Adder",
    "requirements_path": "requirements.txt",
}
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a directory."""

    def log_message(self, *_):
        """Say nothing."""


BACKEND = """
import os, subprocess, sys, zipfile
WAIT = "import os, time; os.setsid(); time.sleep(600)"

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    secret = "{secret}"
    try:
        found = open(secret).read()
    except OSError as error:
        found = type(error).__name__
    quiet = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
    child = subprocess.Popen([sys.executable, "-S", "-c", WAIT], **quiet)
    if not os.path.islink("link"):
        os.symlink("/etc/passwd", "link")
    name = "stranger-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        told = f"user, found, child = {{os.getuid()}}, {{found!r}}, {{child.pid}}"
        wheel.writestr("stranger.py", told)
        about = "Metadata-Version: 2.1\\nName: stranger\\nVersion: 1.0\\n"
        tags = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        for file, text in (("METADATA", about), ("WHEEL", tags), ("RECORD", "")):
            wheel.writestr(f"stranger-1.0.dist-info/{{file}}", text)
    return name

build_editable = build_wheel
"""
PLANT = """
import os
def plant():
    told = open(f"/proc/{{os.getppid()}}/cmdline").read().split("\\0")
    prefix = told[told.index("--python") + 1].removesuffix("/bin/python")
    {deed}
"""


@pytest.mark.parametrize("requirement", ["./stranger", "-e ./stranger"])
def test_the_code_of_a_requirement_runs_as_a_user_of_the_build(
    start, build, config, tmp_path, requirement
):
    secret = tmp_path / "secret"
    secret.write_text("of the platform")
    secret.chmod(0o600)
    files = {
        "adder.py": ADDER,
        "requirements.txt": f"{requirement}\n",
        "stranger/pyproject.toml": PROJECT,
        "stranger/backend.py": BACKEND.format(secret=secret),
    }

    manifest = a_manifest_dict(jobtype_extra=EXTRA)
    built = build(files, manifest=manifest, using=start(build_users=True))

    assert not built.error, built.text
    [module] = config.environments_dir.glob("*/lib/*/site-packages/stranger.py")
    told: dict = {}
    exec(module.read_text(), told)
    assert config.first_build_user < told["user"] <= config.last_build_user
    assert told["found"] in ("PermissionError", "FileNotFoundError")
    assert has_ended(told["child"])
    environment = next(each for each in module.parents if each.parent == config.environments_dir)
    assert stat.S_IMODE(environment.stat().st_mode) == 0o700
    assert list_foreign(environment) == []
    assert list((config.workspaces_dir / "homes").iterdir()) == []


@pytest.fixture
def package_index(tmp_path):
    """The address of an index whose only package, `flowers`, runs code whenever Python starts with it."""
    folder = tmp_path / "index/simple/flowers"
    folder.mkdir(parents=True)
    wheel = write_wheel(folder, "flowers")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("flowers.pth", "import sys; open(sys.prefix + '/ran', 'w').close()\n")
    (folder / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    handler = partial(QuietHandler, directory=str(tmp_path / "index"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


def test_wheels_of_an_index_are_installed_compiled_and_cached_without_running_their_code(
    start, build, config, package_index
):
    manifest = a_manifest_dict(jobtype_extra=EXTRA, build_env={"PIP_INDEX_URL": package_index})
    files = {"adder.py": ADDER, "requirements.txt": "flowers\n"}

    built = build(files, manifest=manifest, using=start(build_users=True))

    assert not built.error, built.text
    [module] = config.environments_dir.glob("*/lib/*/site-packages/flowers.py")
    assert list(module.parent.glob("__pycache__/flowers.*.pyc"))
    assert not list(config.environments_dir.glob("*/ran"))
    assert has_cached(config)


@pytest.mark.parametrize(
    ("variables", "more"),
    [
        ({"LD_PRELOAD": "./stranger.so"}, {}),
        ({"SSL_CERT_FILE": "of-a-stranger.pem"}, {}),
        ({"UV_INDEX": "http://me:password@127.0.0.1:9/simple"}, {}),
        ({}, {"uv.toml": '[pip]\ntarget = "elsewhere"\n'}),
    ],
)
def test_what_strangers_say_does_not_reach_the_user_whose_cache_builds_share(
    start, build, config, package_index, variables, more
):
    variables = {"PIP_INDEX_URL": package_index, **variables}
    manifest = a_manifest_dict(jobtype_extra=EXTRA, build_env=variables)
    files = {"adder.py": ADDER, "requirements.txt": "flowers\n", **more}

    build(files, manifest=manifest, using=start(build_users=True))

    assert not has_cached(config)


def has_cached(config):
    return (config.environments_dir / ".cache").exists()


def test_what_is_taken_back_has_no_modes_that_hand_rights_on(tmp_path):
    users = BuildUsers(UserRange(2_100_060_000, 2_100_060_010), tmp_path / "homes", ())
    directory = tmp_path / "lent"
    directory.mkdir()
    outside = tmp_path / "outside"
    outside.write_text("of the platform")
    outside.chmod(0o600)

    os.link(outside, directory / "same")
    with users.opened() as user, user.lent(directory):
        assert outside.stat().st_uid == 0
        for name, mode in (("program", 0o4777), ("data", 0o666)):
            (directory / name).touch()
            os.chown(directory / name, user.id, user.id)
            (directory / name).chmod(mode)
        (directory / "link").symlink_to(outside)

    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in directory.iterdir()}
    assert (modes["program"], modes["data"]) == (0o755, 0o644)
    assert list_foreign(directory) == []
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("deed", "error"),
    [
        ("os.symlink({secret!r}, prefix + '/environment.json')", None),
        ("os.symlink('/dev/zero', prefix + '/link'), os.mkfifo(prefix + '/pipe')", None),
        (
            "os.remove(prefix + '/bin/python'), os.symlink({secret!r}, prefix + '/bin/python')",
            "Python",
        ),
    ],
)
def test_what_a_requirement_leaves_in_the_environment_leads_nowhere(
    start, build, config, tmp_path, deed, error
):
    secret = tmp_path / "secret"
    secret.write_text("of the platform")
    files = {
        "adder.py": ADDER,
        "requirements.txt": "./stranger\n",
        "stranger/pyproject.toml": PROJECT,
        "stranger/backend.py": PLANT.format(deed=deed.format(secret=str(secret)))
        + BACKEND.format(secret=secret).replace("quiet = ", "plant()\n    quiet = "),
    }

    built = build(
        files, manifest=a_manifest_dict(jobtype_extra=EXTRA), using=start(build_users=True)
    )

    assert (error or "") in (built.error or "")
    assert bool(error) == bool(built.error), built.text
    assert secret.read_text() == "of the platform"
    left = [path for path in config.environments_dir.glob("*/*") if path.name in ("link", "pipe")]
    assert left == []


def test_builds_at_the_same_time_have_different_users(tmp_path):
    users = BuildUsers(UserRange(2_100_060_000, 2_100_060_003), tmp_path / "homes", ())

    with users.opened() as one, users.opened() as other, users.opened() as third:
        numbers = {one.id, other.id, third.id}

    assert numbers == {2_100_060_001, 2_100_060_002, 2_100_060_003}


def test_builds_reach_the_certificates_that_variables_name(tmp_path, caplog):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    certificate, own = closed / "authorities.pem", closed / "own.pem"
    for path, mode in ((certificate, 0o644), (own, 0o600)):
        path.write_text("trusted")
        path.chmod(mode)
    variables = {
        "GIT_SSL_CAINFO": str(certificate),
        "SSL_CERT_FILE": str(own),
        "SSL_CERT_DIR": "/nowhere",
    }

    users = find_build_users(
        UserRange(2_100_060_000, 2_100_060_003), tmp_path / "homes", (), variables
    )

    with users.opened() as user:
        entrance = user.run_as(Command(["cat", str(certificate)], {})).entrance
        command = entrance.make_command(["cat", str(certificate)])
        env = hide_variables({"PATH": os.defpath})
        assert subprocess.check_output(command, env=env, text=True) == "trusted"
    assert [each.message for each in caplog.records] == [
        f"builds can't read {own}, which SSL_CERT_FILE names: let all users read it"
    ]


def has_ended(pid):
    """Return whether a process is gone, or is only remembered for a parent that has not asked for its end."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def list_foreign(directory):
    """List what others than root own or may change."""
    return [
        path
        for path in directory.rglob("*")
        if path.lstat().st_uid != 0 or (not path.is_symlink() and path.stat().st_mode & 0o022)
    ]


def test_images_are_closed_until_their_job_starts_those_of_earlier_versions_too(
    start, build, config
):
    build(using=start(build_users=True))
    [job] = (each for each in config.images_dir.iterdir() if each.is_dir())
    assert stat.S_IMODE(job.stat().st_mode) == 0o700

    job.chmod(0o755)
    start(build_users=True)
    assert stat.S_IMODE(job.stat().st_mode) == 0o700
    assert stat.S_IMODE(config.images_dir.stat().st_mode) == 0o711
