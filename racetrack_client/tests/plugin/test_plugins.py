import hashlib
import io
import zipfile
from pathlib import Path

import pytest
import yaml
from racetrack_client.client_config.client_config import ClientConfig
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_client.plugin.bundle import bundle_plugin, load_plugin_manifest
from racetrack_client.plugin.install import install_plugin
from racetrack_client.plugin.source import GithubAccess, fetch_plugin


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    directory = tmp_path / "plugin"
    directory.mkdir()
    (directory / "plugin.py").write_text("class Plugin: ...")
    (directory / "plugin-manifest.yaml").write_text("name: mine\nversion: 1.2.3\n")
    return directory


def test_a_bundle_has_the_files_and_the_checked_manifest(plugin: Path, tmp_path: Path):
    (plugin / ".racetrackignore").write_text("*.tmp\n")
    (plugin / "junk.tmp").write_text("x")
    (plugin / "old.zip").write_text("x")

    bundle_plugin(plugin, tmp_path / "a.zip", load_plugin_manifest(plugin, "2.0.0"))

    with zipfile.ZipFile(tmp_path / "a.zip") as bundle:
        assert bundle.namelist() == ["plugin-manifest.yaml", "plugin.py"]
        manifest = yaml.safe_load(bundle.read("plugin-manifest.yaml"))
    assert (manifest["version"], manifest["priority"]) == ("2.0.0", 0)


def test_a_bundle_never_holds_itself(plugin: Path):
    for _ in range(2):
        bundle_plugin(plugin, plugin / "bundle.bin", load_plugin_manifest(plugin))

    with zipfile.ZipFile(plugin / "bundle.bin") as bundle:
        assert "bundle.bin" not in bundle.namelist()
        assert bundle.getinfo("plugin.py").external_attr >> 16 == 0o644


def test_linked_files_and_directories_are_bundled_as_what_they_mean(plugin: Path, tmp_path: Path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/templates.txt").write_text("x")
    (plugin / "templates").symlink_to(tmp_path / "shared")
    (plugin / "loop").symlink_to(tmp_path)

    bundle_plugin(plugin, tmp_path / "a.zip", load_plugin_manifest(plugin))

    with zipfile.ZipFile(tmp_path / "a.zip") as bundle:
        assert bundle.namelist() == ["plugin-manifest.yaml", "plugin.py", "templates/templates.txt"]


def test_the_same_plugin_gives_the_same_bytes(plugin: Path, tmp_path: Path):
    manifest = load_plugin_manifest(plugin)

    bundle_plugin(plugin, tmp_path / "a.zip", manifest)
    (plugin / "plugin.py").touch()
    bundle_plugin(plugin, tmp_path / "b.zip", manifest)

    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ("name: x\nversion: '1'\n", "must look like"),
        (
            "name: x\nversion: 1.0.0\nverzion: 1.0.0\n",
            "is wrong: verzion: extra inputs are not permitted$",
        ),
        ("name: a/b\nversion: 1.0.0\n", "'a/b' may hold only letters"),
        ("name: ''\nversion: 1.0.0\n", "may hold only letters"),
        ("- a", "wrong"),
    ],
)
def test_a_bad_plugin_manifest_is_refused(plugin: Path, manifest: str, says: str):
    (plugin / "plugin-manifest.yaml").write_text(manifest)

    with pytest.raises(ValidationError, match=says):
        load_plugin_manifest(plugin)


def test_a_missing_file_is_named(plugin: Path):
    (plugin / "plugin.py").unlink()

    with pytest.raises(ValidationError, match=r"plugin\.py is missing"):
        load_plugin_manifest(plugin)


def test_a_plugin_comes_from_a_file_or_a_url(lifecycle, answer, tmp_path: Path):
    (tmp_path / "p.zip").write_bytes(b"PK1")
    lifecycle.on("GET /files/p.zip?x=1", answer(b"PK2", 200, "application/zip"))

    assert fetch_plugin(str(tmp_path / "p.zip"), GithubAccess()).content == b"PK1"
    found = fetch_plugin(f"{lifecycle.root}/files/p.zip?x=1", GithubAccess())
    assert (found.name, found.content) == ("p.zip", b"PK2")
    with pytest.raises(ValidationError, match="is no plugin"):
        fetch_plugin("somewhere", GithubAccess())


@pytest.fixture
def github(lifecycle, answer) -> GithubAccess:
    def release(tag: str, *names: str):
        assets = [
            {
                "browser_download_url": f"{lifecycle.root}/web/{name}",
                "url": f"{lifecycle.root}/api/{name}",
            }
            for name in names
        ]
        return {"name": None, "tag_name": tag, "assets": assets}

    releases = [
        release("v1.9.0", "p-1.9.0.zip"),
        release("v1.10.0", "notes.txt", "p-1.10.0.zip"),
        release("2.0.0-rc1", "p-2.0.0-rc1.zip"),
        release("nightly", "p-n.zip"),
        release("v3.0.0"),
    ]
    lifecycle.on("GET /repos/me/p/releases?per_page=100", answer(releases))
    for name in ("p-1.9.0", "p-1.10.0", "p-2.0.0-rc1"):
        for kind in ("web", "api"):
            lifecycle.on(f"GET /{kind}/{name}.zip", answer(kind.encode(), 200, "application/zip"))
    return GithubAccess(lifecycle.root)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("github.com/me/p", "p-1.10.0.zip"),
        ("github.com/me/p==1.9.0", "p-1.9.0.zip"),
        ("github.com/me/p==v1.9.0", "p-1.9.0.zip"),
        ("github.com/me/p==2.0.0-rc1", "p-2.0.0-rc1.zip"),
    ],
)
def test_a_release_is_found_by_its_version(github: GithubAccess, uri: str, name: str):
    found = fetch_plugin(uri, github)

    assert (found.name, found.content) == (name, b"web")


def test_a_private_release_is_fetched_with_the_token(github: GithubAccess, lifecycle):
    found = fetch_plugin("github.com/me/p", GithubAccess(github.api_url, token="gh"))

    assert found.content == b"api"
    assert lifecycle.received[-1].headers["Authorization"] == "Bearer gh"


def test_all_pages_of_releases_are_looked_at(github: GithubAccess, lifecycle, answer):
    following = f'<{lifecycle.root}/page/2>; rel="next", <{lifecycle.root}/page/9>; rel="last"'
    first = answer([], headers={"Link": following})
    second = list(lifecycle.routes["GET /repos/me/p/releases?per_page=100"])
    lifecycle.on("GET /repos/me/p/releases?per_page=100", first)
    lifecycle.on("GET /page/2", *second)

    assert fetch_plugin("github.com/me/p", github).name == "p-1.10.0.zip"


def test_a_page_of_another_server_is_not_requested(github: GithubAccess, lifecycle, answer):
    elsewhere = {"Link": '<http://127.0.0.1:9/page/2>; rel="next"'}
    lifecycle.on("GET /repos/me/p/releases?per_page=100", answer([], headers=elsewhere))

    with pytest.raises(EntityNotFound, match="there are: none"):
        fetch_plugin("github.com/me/p", GithubAccess(github.api_url, token="gh"))


@pytest.mark.parametrize("content", [b"web", b"tampered"])
def test_a_download_is_compared_with_what_was_released(
    github: GithubAccess, lifecycle, answer, content: bytes
):
    digest = f"sha256:{hashlib.sha256(b'web').hexdigest()}"
    asset = {"browser_download_url": f"{lifecycle.root}/web/p.zip", "digest": digest}
    release = {"tag_name": "1.0.0", "assets": [asset]}
    lifecycle.on("GET /repos/me/p/releases?per_page=100", answer([release]))
    lifecycle.on("GET /web/p.zip", answer(content, 200, "application/zip"))

    if content == b"web":
        assert fetch_plugin("github.com/me/p", github).content == content
    else:
        with pytest.raises(ValidationError, match="its SHA-256 differs"):
            fetch_plugin("github.com/me/p", github)


def test_an_unknown_release_lists_those_that_are_there(github: GithubAccess):
    with pytest.raises(EntityNotFound, match=r"there are: 1\.9\.0, 1\.10\.0, 2\.0\.0-rc1"):
        fetch_plugin("github.com/me/p==9.9.9", github)


def test_scripts_install_with_one_call(lifecycle, answer, plugin: Path, tmp_path: Path):
    bundle_plugin(plugin, tmp_path / "mine.zip", load_plugin_manifest(plugin))
    lifecycle.on("POST plugin/upload/mine.zip?replace=1", answer({"name": "mine", "version": "1"}))
    config = ClientConfig(user_auths={lifecycle.url: "admin"})

    install_plugin(str(tmp_path / "mine.zip"), lifecycle.url, config, replace=True)

    with zipfile.ZipFile(io.BytesIO(lifecycle.received[-1].body)) as sent:
        assert "plugin.py" in sent.namelist()


def test_patterns_with_signs_leave_out_and_take_in_again(tmp_path: Path):
    directory = tmp_path / "plugin"
    directory.mkdir()
    (directory / "plugin-manifest.yaml").write_text("name: moon\nversion: 1.0.0\n")
    for name in ("plugin.py", "notes.md", "README.md", "big.bin"):
        (directory / name).touch()
    (directory / ".racetrackignore").write_text("-*.md\n+README.md\nbig.bin\n")

    bundle_plugin(directory, tmp_path / "moon.zip", load_plugin_manifest(directory))

    with zipfile.ZipFile(tmp_path / "moon.zip") as bundle:
        assert bundle.namelist() == ["README.md", "plugin-manifest.yaml", "plugin.py"]
