import io
import os
import stat
import zipfile

import pytest
from racetrack_commons.plugin import package
from racetrack_commons.plugin.package import InvalidPlugin, extract_package, read_package_manifest
from racetrack_commons.testing.builders import a_plugin_zip, a_zip

MANIFEST = "name: p\nversion: 1.0.0\n"


@pytest.fixture
def write(tmp_path):
    def write(content: bytes):
        path = tmp_path / "plugin.zip"
        path.write_bytes(content)
        return path

    return write


def test_a_manifest_is_read_from_the_package(write):
    manifest = read_package_manifest(write(a_plugin_zip(name="p", version="1.2.3-rc1")))

    assert (manifest.name, manifest.version) == ("p", "1.2.3-rc1")


@pytest.mark.parametrize("path", ["../evil.py", "/etc/evil", "a/../../evil", "..\\evil"])
def test_files_outside_the_directory_are_refused(write, tmp_path, path):
    zip_path = write(a_plugin_zip(files={path: "x"}))

    with pytest.raises(InvalidPlugin, match="outside"):
        read_package_manifest(zip_path)
    with pytest.raises(InvalidPlugin, match="outside"):
        extract_package(zip_path, tmp_path / "out")


def test_links_are_refused(write):
    buffer = io.BytesIO(a_plugin_zip())
    with zipfile.ZipFile(buffer, "a") as bundle:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        bundle.writestr(link, "/etc/passwd")

    with pytest.raises(InvalidPlugin, match="link"):
        read_package_manifest(write(buffer.getvalue()))


def test_too_many_files_are_refused(write, monkeypatch):
    monkeypatch.setattr(package, "MAX_FILES", 5)

    with pytest.raises(InvalidPlugin, match="more than 5 files"):
        read_package_manifest(write(a_plugin_zip(files={f"f{n}": "" for n in range(5)})))


def test_a_package_that_unpacks_to_too_much_is_refused(write, monkeypatch):
    monkeypatch.setattr(package, "MAX_BYTES", 1000)

    with pytest.raises(InvalidPlugin, match="more than 1000 bytes"):
        read_package_manifest(write(a_plugin_zip(files={"big": "x" * 1001})))


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ({"plugin.py": ""}, r"lacks plugin-manifest\.yaml"),
        ({"plugin-manifest.yaml": MANIFEST}, r"lacks plugin\.py"),
        ({"plugin.py": "", "plugin-manifest.yaml": "name: p"}, "version: Field required"),
        ({"plugin.py": "", "plugin-manifest.yaml": "a: ["}, "not YAML"),
        ({"plugin.py": "", "plugin-manifest.yaml": "[" * 9999}, "too large"),
        ({"plugin.py": "", "plugin-manifest.yaml": MANIFEST + "x: 1"}, "x: Extra inputs"),
        ({"plugin.py": "", "plugin-manifest.yaml": "name: p\nversion: 1.0.0/../x"}, "1.2.3"),
        ({"plugin.py": "", "plugin-manifest.yaml": "name: a/b\nversion: 1.0.0"}, "name must"),
    ],
)
def test_a_package_that_is_no_plugin_is_refused_with_the_reason(write, contents, reason):
    with pytest.raises(InvalidPlugin, match=reason):
        read_package_manifest(write(a_zip(contents)))


def test_files_for_containers_are_readable_whatever_the_umask_is(write, tmp_path):
    zip_path = write(a_plugin_zip(files={"folder/Dockerfile": "FROM scratch"}))
    before = os.umask(0o077)
    try:
        extract_package(zip_path, tmp_path / "out")
    finally:
        os.umask(before)

    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "out").rglob("*")}
    assert (modes["folder"], modes["Dockerfile"]) == (0o755, 0o644)
