import io
import os
import tarfile
from pathlib import Path

import pytest
from racetrack_client.client.pack import list_packed_files, pack_directory, read_secret_vars
from racetrack_client.log.errors import ValidationError


def write_file(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def packed(root: Path, *secrets: str) -> list[str]:
    return [path.relative_to(root).as_posix() for path in list_packed_files(root, list(secrets))]


def test_files_are_packed_with_names_relative_to_the_directory(tmp_path: Path):
    write_file(tmp_path / "job.yaml", "name: adder")
    write_file(tmp_path / "sub/model.py", "class M: ...")
    (tmp_path / "empty").mkdir()

    with tarfile.open(fileobj=io.BytesIO(pack_directory(tmp_path, []))) as tar:
        assert tar.getnames() == ["job.yaml", "sub/model.py"]
        assert tar.extractfile("sub/model.py").read() == b"class M: ..."


def test_the_same_files_give_the_same_bytes(tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    for root in (first, second):
        for name in ("b.py", "a.py", "sub/c.py"):
            write_file(root / name, name)
    os.utime(second / "a.py", (1, 1))
    (second / "b.py").chmod(0o600)

    assert pack_directory(first, []) == pack_directory(second, [])


def test_executables_stay_executable_and_nothing_tells_who_packed(tmp_path: Path):
    write_file(tmp_path / "run.sh").chmod(0o700)

    with tarfile.open(fileobj=io.BytesIO(pack_directory(tmp_path, []))) as tar:
        member = tar.getmember("run.sh")
    assert (member.mode, member.mtime, member.uid, member.uname) == (0o755, 0, 0, "")


def test_git_ignore_files_mean_what_they_mean_to_git(tmp_path: Path):
    write_file(
        tmp_path / ".gitignore", "# comment\nnode_modules/\n*.log\n!keep.log\n/top.txt\n**/d/x\n"
    )
    for name in (
        "node_modules/a.js",
        "a.log",
        "keep.log",
        "top.txt",
        "sub/top.txt",
        "c/d/x",
        "a.py",
    ):
        write_file(tmp_path / name)

    assert packed(tmp_path) == ["a.py", "keep.log", "sub/top.txt"]


def test_an_ignore_file_in_a_subdirectory_counts_there(tmp_path: Path):
    write_file(tmp_path / ".gitignore", "*.csv\n")
    write_file(tmp_path / "sub/.gitignore", "!wanted.csv\n*.tmp\n")
    for name in ("a.csv", "a.tmp", "sub/a.csv", "sub/wanted.csv", "sub/a.tmp"):
        write_file(tmp_path / name)

    assert packed(tmp_path) == ["a.tmp", "sub/wanted.csv"]


def test_git_caches_and_zips_are_never_packed(tmp_path: Path):
    write_file(tmp_path / ".gitignore", "!*.zip\n")
    for name in (".git/config", "a.zip", "__pycache__/a.pyc", "venv/bin/python", "a.py"):
        write_file(tmp_path / name)

    assert packed(tmp_path) == ["a.py"]


@pytest.mark.parametrize("name", ["secret.env", "./secret.env", "sub/../secret.env"])
def test_declared_secret_files_are_never_packed(tmp_path: Path, name: str):
    write_file(tmp_path / ".gitignore", "!secret.env\n")
    write_file(tmp_path / "secret.env", "PASSWORD=hunter2")
    write_file(tmp_path / "sub/a.py")
    (tmp_path / "alias.env").symlink_to("secret.env")

    assert packed(tmp_path, name) == ["sub/a.py"]


def test_a_link_inside_the_directory_is_packed_as_the_file_it_means(tmp_path: Path):
    write_file(tmp_path / "model.bin", "weights")
    (tmp_path / "latest.bin").symlink_to("model.bin")

    with tarfile.open(fileobj=io.BytesIO(pack_directory(tmp_path, []))) as tar:
        assert tar.getmember("latest.bin").isreg()
        assert tar.extractfile("latest.bin").read() == b"weights"


def test_a_link_that_leads_outside_is_refused(tmp_path: Path):
    outside = write_file(tmp_path / "outside.txt")
    (tmp_path / "job").mkdir()
    (tmp_path / "job/link.txt").symlink_to(outside)

    with pytest.raises(ValidationError, match="leads outside"):
        pack_directory(tmp_path / "job", [])


def test_a_linked_directory_is_packed_as_the_files_in_it(tmp_path: Path):
    write_file(tmp_path / "models/v1/weights.bin", "weights")
    (tmp_path / "current").symlink_to("models/v1")

    assert packed(tmp_path) == ["current/weights.bin", "models/v1/weights.bin"]
    assert packed(tmp_path, "models/v1/weights.bin") == []


def test_a_linked_directory_that_leads_outside_is_refused_unless_ignored(tmp_path: Path):
    write_file(tmp_path / "shared/weights.bin")
    write_file(tmp_path / "job/a.py")
    (tmp_path / "job/models").symlink_to(tmp_path / "shared")

    with pytest.raises(ValidationError, match=r"models is a link that leads outside"):
        packed(tmp_path / "job")
    write_file(tmp_path / "job/.gitignore", "models/\n")
    assert packed(tmp_path / "job") == ["a.py"]


def test_links_that_lead_to_each_other_end(tmp_path: Path):
    write_file(tmp_path / "a/x.py")
    write_file(tmp_path / "b/y.py")
    (tmp_path / "a/l").symlink_to("../b")
    (tmp_path / "b/l").symlink_to("../a")

    assert packed(tmp_path) == ["a/l/y.py", "a/x.py", "b/l/x.py", "b/y.py"]


def test_loops_and_dangling_links_do_no_harm(tmp_path: Path):
    write_file(tmp_path / "a.py")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "nowhere").symlink_to("missing")

    assert packed(tmp_path) == ["a.py"]


def test_a_directory_over_the_limit_is_refused_with_advice(tmp_path: Path):
    write_file(tmp_path / "big.bin", "x" * 2000)

    with pytest.raises(
        ValidationError, match=r"holds more than .* MiB; name what .* in \.gitignore"
    ):
        pack_directory(tmp_path, [], max_bytes=1024)


def test_too_many_files_are_refused(tmp_path: Path):
    for number in range(4):
        write_file(tmp_path / f"{number}.txt")

    with pytest.raises(ValidationError, match="more than 3 files"):
        list_packed_files(tmp_path, [], max_files=3)


def test_variables_are_read_as_they_are_written(tmp_path: Path):
    (tmp_path / "secret.env").write_text("export TOKEN='a$b'  # mine\nURL=http://x?a=b\nEMPTY\n")

    variables = read_secret_vars(tmp_path, "secret.env")

    assert variables == {"TOKEN": "a$b", "URL": "http://x?a=b", "EMPTY": ""}


def test_a_manifest_without_secrets_has_none(tmp_path: Path):
    assert read_secret_vars(tmp_path, None) == {}


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ValidationError, match=r"secret\.env are not there"):
        read_secret_vars(tmp_path, "secret.env")


def test_a_line_that_sets_nothing_is_named_and_not_shown(tmp_path: Path):
    (tmp_path / "secret.env").write_text("A=1\nhunter2 is no variable\n")

    with pytest.raises(ValidationError, match=r"secret\.env: line 2 must be NAME=VALUE") as caught:
        read_secret_vars(tmp_path, "secret.env")
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_text_is_named(tmp_path: Path):
    (tmp_path / "secret.env").write_bytes(b"A=\xff")

    with pytest.raises(ValidationError, match="are no text"):
        read_secret_vars(tmp_path, "secret.env")
