from pathlib import Path

import pytest
from racetrack_client.client.requirements_files import (
    list_local_paths,
    list_named_files,
    read_requirements,
)
from racetrack_client.log.errors import ValidationError


@pytest.mark.parametrize(
    "line",
    [
        *('-r "base.txt"', "-r 'base.txt'", "-rbase.txt", "--requirement=base.txt"),
        *('--requirement="base.txt"', "-c base.txt", "--constraint base.txt  # a limit"),
    ],
)
def test_an_included_file_is_read_however_it_is_written(tmp_path: Path, line: str):
    (tmp_path / "requirements.txt").write_text(f"{line}\n")
    (tmp_path / "base.txt").write_bytes(b"\xef\xbb\xbfflask\n")

    found = read_requirements(tmp_path, "requirements.txt")

    assert found["base.txt"] == ["flask"]


def test_what_is_included_from_elsewhere_is_not_a_file_of_the_job(tmp_path: Path):
    (tmp_path / "requirements.txt").write_text('-r "https://example.com/base.txt"\nflask\n')

    assert list(read_requirements(tmp_path, "requirements.txt")) == ["requirements.txt"]


def test_a_missing_file_is_named_with_the_one_that_includes_it(tmp_path: Path):
    (tmp_path / "requirements.txt").write_text("-r gone.txt\n")

    with pytest.raises(
        ValidationError, match=r"'gone\.txt', which requirements\.txt includes, is not"
    ):
        read_requirements(tmp_path, "requirements.txt")


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("libs/mylib", "libs/mylib"),
        ("./lib", "./lib"),
        (".", "."),
        (".[extra]", "."),
        ("-e libs/mylib", "libs/mylib"),
        ("-e mylib", "mylib"),
        ("--editable=./lib[dev]", "./lib"),
        ("dist/a-1.0.whl ; python_version > '3'", "dist/a-1.0.whl"),
        ("a-1.0.whl --hash=sha256:00", "a-1.0.whl"),
        ("lib @ file:lib", "lib"),
        ("lib[x] @ ./lib", "./lib"),
        ("lib @ lib", "lib"),
        ("lib @ file://${PROJECT_ROOT}/lib", "lib"),
        ("-f wheels", "wheels"),
        ('--find-links="wheels"', "wheels"),
    ],
)
def test_local_paths_are_recognized(line: str, path: str):
    assert list_local_paths([line]) == [path]


@pytest.mark.parametrize(
    "line",
    [
        *("flask", "flask[async]>=3,<4 ; python_version > '3.10'", "-r base.txt"),
        *("lib @ https://example.com/lib.zip", "git+https://example.com/a/b.git@main"),
        *("lib @ git+ssh://git@example.com/a/b@1.0", "-e git+https://example.com/a/b#egg=b"),
        *("--index-url https://example.com/simple", "-f https://example.com/wheels"),
        *("https://example.com/a-1.0.whl", "--no-binary :all:", "--trusted-host a/b"),
    ],
)
def test_what_comes_from_elsewhere_is_no_local_path(line: str):
    assert list_local_paths([line]) == []


def test_a_path_is_looked_for_from_the_job_and_from_the_file(tmp_path: Path):
    for name in ("deps/lib/a.py", "top/b.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "deps/all.txt").write_text("./lib\n./top\n./nowhere\n")

    assert list_named_files(tmp_path, "deps/all.txt") == ["deps/all.txt", "deps/lib", "top"]
