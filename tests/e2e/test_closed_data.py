"""The data of the embedded shape, and the secrets of its services, as other users and processes of the machine see them."""

import stat
from pathlib import Path

SERVICES = ("lifecycle", "lifecycle-supervisor", "image-builder", "pub", "dashboard")
SECRETS = ("AUTH_KEY", "SECRET_KEY", "ADMIN_TOKEN", "PUB_AUTH_TOKEN", "IMAGE_BUILDER_AUTH_TOKEN")


def test_no_file_of_the_platform_is_open_to_others(embedded_stack):
    data = embedded_stack.data

    assert stat.S_IMODE(data.stat().st_mode) & 0o066 == 0
    assert {path.name for path in data.iterdir() if is_open(path)} <= {
        "images",
        "environments",
        "homes",
    }
    assert (data / "racetrack.sqlite3").is_file()


def test_no_secret_is_a_variable_of_a_service(embedded_stack):
    pids = [embedded_stack.service_pid(name) for name in SERVICES]
    supervisord = int((embedded_stack.data / "supervisord.pid").read_text())

    for pid in [*pids, supervisord]:
        variables = Path(f"/proc/{pid}/environ").read_bytes()
        for name in SECRETS:
            assert f"\0{name}=".encode() not in variables
            assert embedded_stack.development_secret(name).encode() not in variables


def test_each_service_gets_only_its_own_secrets(embedded_stack):
    given = {name: list_secret_files(embedded_stack.service_pid(name)) for name in SERVICES}

    assert given == {
        "lifecycle": {"AUTH_KEY", "SECRET_KEY", "ADMIN_PASSWORD"},
        "lifecycle-supervisor": {"AUTH_KEY", "SECRET_KEY"},
        "image-builder": {"AUTH_KEY"},
        "dashboard": set(),
        "pub": {"LIFECYCLE_AUTH_TOKEN"},
    }


def is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077) and not path.is_symlink()


def list_secret_files(pid: int) -> set[str]:
    variables = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    files = dict(each.split("=", 1) for each in variables if "/secrets/" in each)
    return {name.removesuffix("_FILE") for name in files}
