import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from racetrack_client.client.pack import pack_source, read_secret_vars
from racetrack_client.client.source_files import collect_source
from racetrack_client.log.errors import ValidationError


def write_file(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def pack_directory(root: Path) -> bytes:
    return pack_source(collect_source(root))


def test_files_are_packed_with_names_relative_to_the_directory(tmp_path: Path):
    write_file(tmp_path / "job.yaml", "name: adder")
    write_file(tmp_path / "sub/model.py", "class M: ...")
    (tmp_path / "empty").mkdir()

    with tarfile.open(fileobj=io.BytesIO(pack_directory(tmp_path))) as tar:
        assert tar.getnames() == ["job.yaml", "sub/model.py"]
        assert tar.extractfile("sub/model.py").read() == b"class M: ..."


def test_the_same_files_give_the_same_bytes(tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    for root in (first, second):
        for name in ("b.py", "a.py", "sub/c.py"):
            write_file(root / name, name)
    os.utime(second / "a.py", (1, 1))
    (second / "b.py").chmod(0o600)

    assert pack_directory(first) == pack_directory(second)


def test_executables_stay_executable_and_nothing_tells_who_packed(tmp_path: Path):
    write_file(tmp_path / "run.sh").chmod(0o700)

    with tarfile.open(fileobj=io.BytesIO(pack_directory(tmp_path))) as tar:
        member = tar.getmember("run.sh")
    assert (member.mode, member.mtime, member.uid, member.uname) == (0o755, 0, 0, "")


def test_a_link_inside_the_directory_is_packed_as_the_file_it_means(tmp_path: Path):
    write_file(tmp_path / "model.bin", "weights")
    (tmp_path / "latest.bin").symlink_to("model.bin")

    with tarfile.open(fileobj=io.BytesIO(pack_directory(tmp_path))) as tar:
        assert tar.getmember("latest.bin").isreg()
        assert tar.extractfile("latest.bin").read() == b"weights"


def test_too_large_a_job_is_refused_with_its_largest_files(tmp_path: Path):
    for name, size in {"big.bin": 2000, "small.py": 10, "mid/a.csv": 300, "b.csv": 200}.items():
        write_file(tmp_path / name, "x" * size)

    with pytest.raises(ValidationError, match=r"holds more than .* MiB") as caught:
        pack_source(collect_source(tmp_path), max_bytes=1024)
    assert "big.bin (2.0 KiB), mid/a.csv (300 bytes), b.csv (200 bytes)" in str(caught.value)
    assert "in .racetrackignore" in str(caught.value)
    assert "large models in docs/jobs.md" in str(caught.value)


def test_packing_tells_how_far_it_is(tmp_path: Path):
    write_file(tmp_path / "big.bin", "x" * 100_000)
    write_file(tmp_path / "small.py", "x" * 10)
    told: list[tuple[int, int]] = []

    content = pack_source(collect_source(tmp_path), lambda *each: told.append(each))

    assert gzip.decompress(content)
    assert len(told) > 2, "the large file is told in parts"
    assert told[-1] == (100_010, 100_010)


def test_a_pointer_of_lfs_is_not_sent_in_place_of_its_file(tmp_path: Path):
    write_file(
        tmp_path / "model.pkl",
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
    )

    with pytest.raises(
        ValidationError, match=r"model\.pkl is only a pointer of Git LFS; run `git lfs pull`"
    ):
        pack_directory(tmp_path)


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


@pytest.mark.parametrize("name", ["../credentials", "{outside}/credentials", "link.env"])
def test_secret_variables_from_outside_the_directory_are_refused(tmp_path: Path, name: str):
    write_file(tmp_path / "credentials", "TOKEN=hunter2")
    job = tmp_path / "job"
    job.mkdir()
    (job / "link.env").symlink_to("../credentials")

    with pytest.raises(ValidationError, match="lies outside the job's directory; copy it there"):
        read_secret_vars(job, name.format(outside=tmp_path))
