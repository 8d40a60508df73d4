"""The files that requirements include, and the digests of both."""

import pytest
from image_builder.source.requirements import (
    are_plain,
    digest_requirements,
    list_files,
    list_moving,
)
from racetrack_client.log.errors import ValidationError


@pytest.fixture
def write(tmp_path):
    def write_all(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write_all


def test_included_files_are_needed_wherever_they_are(write):
    directory = write(
        {
            "deps/all.txt": "-r base.txt  # the usual\n--constraint=../limits.txt\nflask\n",
            "deps/base.txt": "-r all.txt\nhumanize\n",
            "limits.txt": "flask<4\n",
        }
    )

    assert list_files(directory, "./deps/all.txt") == [
        "deps/all.txt",
        "deps/base.txt",
        "limits.txt",
    ]


def test_a_link_to_requirements_is_needed_itself(write):
    directory = write({"deps/real.txt": "-c limits.txt\nflask\n", "limits.txt": ""})
    (directory / "requirements.txt").symlink_to("deps/real.txt")

    assert list_files(directory, "requirements.txt") == ["requirements.txt", "limits.txt"]


@pytest.mark.parametrize(
    "line", ["./lib", "-e .", "lib @ file:lib", "wheels/lib-1.0.whl", "libs/lib"]
)
def test_what_is_installed_from_the_source_needs_all_of_it(write, line):
    directory = write({"requirements.txt": f"flask\n{line}\n"})

    assert list_files(directory, "requirements.txt") == ["."]


def test_what_is_included_from_elsewhere_is_not_a_file_of_the_job(write):
    directory = write({"requirements.txt": "-c https://example.com/limits.txt\nflask\n"})

    assert list_files(directory, "requirements.txt") == ["requirements.txt"]


def test_the_digest_follows_included_files_and_not_the_code(write):
    files = {"requirements.txt": "-r base.txt\n", "base.txt": "flask\n", "job.py": "x = 1\n"}
    before = digest_requirements(write(files), "requirements.txt")

    assert digest_requirements(write({"job.py": "x = 2\n"}), "requirements.txt") == before
    assert digest_requirements(write({"base.txt": "humanize\n"}), "requirements.txt") != before


def test_a_change_of_a_library_named_without_a_dot_changes_the_digest(write):
    before = digest_requirements(
        write({"requirements.txt": "libs/lib\n", "libs/lib/a.py": "1"}), "requirements.txt"
    )

    assert digest_requirements(write({"libs/lib/a.py": "2"}), "requirements.txt") != before


@pytest.mark.parametrize("line", ["\ufeff-r base.txt", '-r "base.txt"', "-rbase.txt"])
def test_the_digest_follows_files_however_they_are_included(write, line):
    before = digest_requirements(
        write({"requirements.txt": f"{line}\n", "base.txt": "flask"}), "requirements.txt"
    )

    assert digest_requirements(write({"base.txt": "humanize"}), "requirements.txt") != before


def test_a_missing_file_is_named(write):
    with pytest.raises(ValidationError, match=r"'base\.txt', which requirements\.txt includes"):
        list_files(write({"requirements.txt": "-r base.txt\n"}), "requirements.txt")


@pytest.mark.parametrize(
    "line",
    [
        *("flask==3.0.0", "flask[async]==3.0.0 ; python_version > '3.10'", "flask === 3.0.0"),
        *("flask==3.0.0 --hash=sha256:00", "lib @ file:lib", "./lib", "-e ."),
        *("https://example.com/lib-1.0.whl", "lib @ https://example.com/lib-1.0.whl"),
        *(
            f"lib @ git+https://e.com/lib.git@{'0' * 40}",
            f"-e git+https://e.com/x@{'0' * 40}#egg=x",
        ),
        *("--index-url https://example.com/simple", "--pre", "-c limits.txt"),
    ],
)
def test_fixed_requirements_do_not_move(write, line):
    directory = write({"requirements.txt": f"{line}\n", "limits.txt": ""})

    assert list_moving(directory, "requirements.txt") == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        *(("flask", "flask"), ("Flask_Login>=1,<2", "flask-login"), ("flask==3.*", "flask")),
        *(("flask[async]~=3.0  # the usual", "flask"), ("flask==3.0,>1", "flask")),
        ("lib @ git+https://example.com/lib.git@main", "lib"),
        ("lib@git+https://example.com/lib.git", "lib"),
        ("-e git+https://example.com/x@v1.0#egg=My_Lib", "my-lib"),
        ("git+https://example.com/x.git", "git+https://example-com/x-git"),
    ],
)
def test_other_requirements_move(write, line, name):
    assert list_moving(write({"requirements.txt": f"{line}\n"}), "requirements.txt") == [name]


def test_a_constraint_fixes_a_requirement(write):
    files = {"requirements.txt": "-c limits.txt\nflask\nrequests\n", "limits.txt": "flask==3.0\n"}

    assert list_moving(write(files), "requirements.txt") == ["requests"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.toml", "x = 1"),
        ("pyproject.toml", "[[tool.uv.index]]\nurl = 'a'\n"),
        ("pyproject.toml", "[ tool . uv ]\nindex-url = 'a'\n"),
        ("pyproject.toml", "of another [kind"),
    ],
)
def test_settings_of_uv_count(write, name, text):
    directory = write({"requirements.txt": "flask\n", "pyproject.toml": "[project]\n"})
    before = digest_requirements(directory, "requirements.txt")
    assert list_files(directory, "requirements.txt") == ["requirements.txt"]

    write({name: text})

    assert digest_requirements(directory, "requirements.txt") != before
    assert list_files(directory, "requirements.txt") == ["requirements.txt", name]


def test_settings_count_without_a_requirements_file_too(write):
    directory = write({"job.py": "import flask"})
    assert digest_requirements(directory, None, ["1", "https://index.example"]) == ""

    write({"uv.toml": "x = 1"})

    assert digest_requirements(directory, None) != ""


def test_files_that_variables_name_count(write):
    directory = write({"requirements.txt": "flask\n", "my.toml": "x = 1"})
    variables = ["my.toml", "\0"]
    before = digest_requirements(directory, "requirements.txt", variables)

    write({"my.toml": "x = 2"})

    assert digest_requirements(directory, "requirements.txt", variables) != before


@pytest.mark.parametrize(
    "text",
    [
        "flask\nnumpy==2.1.0 # exact\r\n\n# a comment\nrequests[socks] >=2, <3; python_version > '3.9'\n",
        "-r base.txt\n",
        "flask==3.0.0 \\\n    --hash=sha256:0a \\\n    --hash=sha256:0b\n",
    ],
)
def test_names_and_versions_are_plain(write, text):
    files = {"requirements.txt": text, "base.txt": "flask\n"}

    assert are_plain(write(files), "requirements.txt")


@pytest.mark.parametrize(
    "text",
    [
        "-e ./lib",
        "./lib",
        "lib.zip",
        "lib @ file:///lib",
        "git+https://example.com/lib.git",
        "--index-url https://example.com\nflask",
        "flask --config-settings x=y",
        "-r base.txt",
        "# hidden \\\n-e ./lib",
        "flask # hidden \\\n-e lib",
        "flask\r-e lib",
        "a" * 100_000 + "!@",
        " " * 100_000 + "@",
    ],
)
def test_requirements_that_may_run_code_are_not_plain(write, text):
    files = {"requirements.txt": f"{text}\n", "base.txt": "-e ./lib\n"}

    assert not are_plain(write(files), "requirements.txt")
