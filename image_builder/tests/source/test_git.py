import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from image_builder.testing.builders import ADDER
from racetrack_commons.testing.builders import a_manifest_dict

IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b",
}
PASSWORD = "tulip/9431 secret"


def git(directory, *arguments):
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", **IDENTITY}
    subprocess.run(
        ["git", *arguments], cwd=directory, env=environment, check=True, capture_output=True
    )


def output_of_git(directory, *arguments):
    return subprocess.check_output(["git", *arguments], cwd=directory, text=True).strip()


@pytest.fixture
def repository(tmp_path):
    directory = tmp_path / "repository"
    (directory / "jobs/adder").mkdir(parents=True)
    (directory / "jobs/adder/adder.py").write_text(ADDER)
    git(directory, "init", "--initial-branch=main")
    git(directory, "add", ".")
    git(directory, "commit", "-m", "first")
    return directory


@pytest.fixture
def config(config):
    return config.model_copy(update={"git_protocols": ("file", "http")})


def manifest_of(repository, directory="jobs/adder", **git_fields):
    return a_manifest_dict(
        git={"remote": f"file://{repository}", "directory": directory, **git_fields}
    )


@contextmanager
def server_that(answer):
    """A broken git host over HTTP, which records the credentials that it receives."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            answer(self)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def deny(request):
    request.send_response(401)
    request.send_header("WWW-Authenticate", 'Basic realm="git"')
    request.send_header("Content-Length", "0")
    request.end_headers()


def test_a_repository_is_cloned_and_the_job_directory_built(build, repository, config):
    done = build(build_context=None, manifest=manifest_of(repository))

    assert done.error is None
    source = config.images_dir / "adder/tag-1/source"
    assert sorted(path.name for path in source.iterdir()) == ["adder.py", "job.yaml"]
    assert "no job.yaml in the repository" in done.warnings[0]


def test_a_branch_or_tag_can_be_chosen(build, repository):
    git(repository, "tag", "v1")
    (repository / "jobs/adder/adder.py").unlink()
    git(repository, "commit", "-am", "gone")

    assert build(build_context=None, manifest=manifest_of(repository, branch="v1")).error is None


@pytest.mark.parametrize("length", [40, 12])
@pytest.mark.parametrize("is_served", [True, False])
def test_a_commit_can_be_chosen_by_its_id(build, repository, length, is_served):
    first = output_of_git(repository, "rev-parse", "HEAD")
    git(repository, "config", "uploadpack.allowAnySHA1InWant", str(is_served).lower())
    (repository / "jobs/adder/adder.py").unlink()
    git(repository, "commit", "-am", "gone")

    done = build(build_context=None, manifest=manifest_of(repository, branch=first[:length]))

    assert done.error is None


def test_a_branch_may_look_like_a_commit_or_a_path(build, repository):
    git(repository, "branch", "deadbeef")
    git(repository, "branch", "feature/new-model")

    for number, branch in enumerate(("deadbeef", "feature/new-model")):
        manifest = manifest_of(repository, branch=branch)
        assert build(build_context=None, manifest=manifest, deployment_id=str(number)).error is None


def test_an_unknown_commit_is_named(build, repository):
    done = build(build_context=None, manifest=manifest_of(repository, branch="0" * 40))

    assert f"git.branch '{'0' * 40}' is no branch, tag or commit of file://" in done.error


def test_git_options_and_other_protocols_do_not_get_through(build, repository):
    def error_of(number, **fields):
        manifest = manifest_of(repository) | {"git": {"remote": f"file://{repository}", **fields}}
        return build(build_context=None, manifest=manifest, deployment_id=str(number)).error

    assert "branch" in error_of(1, branch="--upload-pack=touch /tmp/x")
    assert "must start with" in error_of(2, remote="--upload-pack=x")
    assert "must start with" in error_of(3, remote="ext::sh -c true")
    assert "must start with" in error_of(4, remote="ssh://git@example.com/x")
    assert "leads outside" in error_of(5, directory="../..")
    assert "not a directory" in error_of(6, directory="missing")
    hidden = error_of(7, remote=f"http://user:{PASSWORD[:5]}@127.0.0.1/x")
    assert "must not hold a password" in hidden
    assert PASSWORD[:5] not in hidden


def test_a_link_out_of_the_repository_is_not_followed(build, repository, tmp_path):
    (tmp_path / "outside").mkdir()
    (repository / "away").symlink_to(tmp_path / "outside")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "link")

    done = build(build_context=None, manifest=manifest_of(repository, directory="away"))
    assert "leads outside" in done.error


@pytest.mark.parametrize("target", ["../../common", "/etc/hostname", "../gone"])
def test_a_link_out_of_the_job_is_refused_as_in_files_that_are_sent(build, repository, target):
    (repository / "common").mkdir()
    (repository / "common/a.py").touch()
    (repository / "jobs/adder/common").symlink_to(target)
    git(repository, "add", ".")
    git(repository, "commit", "-m", "link")

    done = build(build_context=None, manifest=manifest_of(repository))

    assert "common is a link that leads outside the job's directory; copy there" in done.error


def test_a_link_to_nothing_is_told(build, repository):
    (repository / "jobs/adder/nowhere").symlink_to("missing")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "link")

    done = build(build_context=None, manifest=manifest_of(repository))

    assert done.error is None
    assert "nowhere is a link to nothing" in done.warnings


def test_what_racetrackignore_names_is_left_out_as_in_files_that_are_sent(
    build, repository, config
):
    job = repository / "jobs/adder"
    (job / ".racetrackignore").write_text("*.mp4\nadder.py\ndata/\n")
    (job / "data").mkdir()
    for name in ("film.mp4", "data/big.csv"):
        (job / name).touch()
    git(repository, "add", ".")
    git(repository, "commit", "-m", "large")

    assert build(build_context=None, manifest=manifest_of(repository)).error is None

    files = {path.name for path in (config.images_dir / "adder/tag-1/source").rglob("*")}
    assert "adder.py" in files, "the manifest names the entrypoint"
    assert not files & {"film.mp4", "big.csv"}


def add_submodule(repository, url, directory="jobs/adder/common"):
    git(repository, "-c", "protocol.file.allow=always", "submodule", "add", str(url), directory)
    git(repository, "commit", "-m", "submodule")


@pytest.fixture
def library(tmp_path):
    directory = tmp_path / "library"
    directory.mkdir()
    (directory / "adding.py").write_text("add = sum\n")
    git(directory, "init", "--initial-branch=main")
    git(directory, "add", ".")
    git(directory, "commit", "-m", "first")
    return directory


@pytest.mark.parametrize("is_newest", [True, False])
def test_submodules_are_fetched_at_their_commits(build, repository, library, config, is_newest):
    add_submodule(repository, f"file://{library}")
    if not is_newest:
        (library / "adding.py").unlink()
        git(library, "commit", "-am", "gone")

    done = build(build_context=None, manifest=manifest_of(repository))

    assert done.error is None
    source = config.images_dir / "adder/tag-1/source"
    assert sorted(path.name for path in (source / "common").iterdir()) == ["adding.py"]


def test_a_submodule_that_needs_its_history_is_fetched_after_another(
    build, repository, library, config, environment
):
    # Version 0 is that of hosts that give out no single commits.
    environment |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "protocol.version",
        "GIT_CONFIG_VALUE_0": "0",
    }
    add_submodule(repository, f"file://{library}", "jobs/adder/first")
    add_submodule(repository, f"file://{library}", "jobs/adder/second")
    (library / "more.py").touch()
    git(library, "add", ".")
    git(library, "commit", "-m", "more")
    git(repository / "jobs/adder/first", "-c", "protocol.file.allow=always", "pull")
    git(repository, "commit", "-am", "the first is at the newest commit")

    done = build(build_context=None, manifest=manifest_of(repository))

    assert done.error is None
    source = config.images_dir / "adder/tag-1/source"
    assert (source / "first/more.py").is_file()
    assert [path.name for path in (source / "second").iterdir()] == ["adding.py"]


def test_a_submodule_by_another_protocol_is_refused_with_the_way_out(
    build, start, repository, library, config
):
    add_submodule(repository, library)  # A path of the builder's machine.

    strict = config.model_copy(update={"git_protocols": ("file",)})
    (repository / ".gitmodules").write_text(
        '[submodule "jobs/adder/common"]\n\tpath = jobs/adder/common\n\turl = http://127.0.0.1:9/x\n'
    )
    git(repository, "commit", "-am", "elsewhere")
    done = build(
        build_context=None,
        manifest=manifest_of(repository),
        using=start(git_protocols=strict.git_protocols),
    )

    assert "a submodule can't be fetched" in done.error
    assert "transport 'http' not allowed" in done.error
    assert "deploy with --build-context local" in done.error


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"
GIT_LFS = """#!/bin/sh
# Stands in for the program: it knows the one file that it is asked for.
[ "$1" = pull ] || exit 2
echo "$@" >> {seen}
git config lfs.url >> {seen}
printf weights > jobs/adder/model.pkl
"""


@pytest.fixture
def with_pointer(repository):
    (repository / "jobs/adder/model.pkl").write_text(POINTER.format("0" * 64, 7))
    git(repository, "add", ".")
    git(repository, "commit", "-m", "pointer")
    return repository


@pytest.fixture
def programs(tmp_path, environment):
    """Make a directory the only one in PATH, with the programs that clones need."""
    directory = tmp_path / "programs"
    directory.mkdir()
    for name in ("git", "sh", "sed", "uname", "basename", "dirname", "cat"):
        (directory / name).symlink_to(shutil.which(name))
    environment["PATH"] = str(directory)
    return directory


@pytest.fixture
def lfs_calls(programs, tmp_path):
    """The file to which a stand-in for git-lfs writes what it was called with."""
    (programs / "git-lfs").write_text(GIT_LFS.format(seen=tmp_path / "seen"))
    (programs / "git-lfs").chmod(0o755)
    return tmp_path / "seen"


def test_files_of_lfs_are_fetched(build, with_pointer, lfs_calls, config):

    done = build(build_context=None, manifest=manifest_of(with_pointer))

    assert done.error is None
    source = config.images_dir / "adder/tag-1/source"
    assert (source / "model.pkl").read_text() == "weights"
    seen = lfs_calls.read_text()
    assert seen == f"pull --include=jobs/adder\nfile://{with_pointer}\n"


@pytest.mark.usefixtures("programs")
def test_files_of_lfs_are_refused_by_name_where_they_cannot_be_fetched(build, with_pointer):
    done = build(build_context=None, manifest=manifest_of(with_pointer))

    assert "model.pkl: kept in Git LFS, and the Image Builder has no git-lfs" in done.error


def write_lfs_config(repository, text):
    (repository / ".lfsconfig").write_text(text)
    git(repository, "add", ".")
    git(repository, "commit", "-m", "lfs")


@pytest.mark.parametrize(
    "text",
    [
        "[lfs]\nurl = https://other.example.com/x\n",
        "[lfs]\npushurl = other.example.com:x\n",
        '[remote "origin"]\nlfsurl = https://other.example.com/x\n',
        '[lfs "https://other.example.com/x"]\naccess = basic\n',
    ],
)
def test_a_server_of_lfs_elsewhere_is_refused(build, with_pointer, lfs_calls, text):
    write_lfs_config(with_pointer, text)

    done = build(build_context=None, manifest=manifest_of(with_pointer))

    assert (
        "in .lfsconfig leads to another scheme or host than the repository's remote" in done.error
    )
    assert not lfs_calls.exists()


def test_a_server_of_lfs_on_the_host_of_the_remote_is_asked(build, with_pointer, lfs_calls):
    write_lfs_config(with_pointer, "[lfs]\nurl = file:///large\nfetchexclude = *.mp4\n")

    assert build(build_context=None, manifest=manifest_of(with_pointer)).error is None
    assert "file:///large\n" in lfs_calls.read_text()


def test_a_server_of_lfs_elsewhere_is_refused_in_a_submodule(build, repository, library, lfs_calls):
    (library / "model.pkl").write_text(POINTER.format("0" * 64, 7))
    write_lfs_config(library, "[lfs]\nurl = https://other.example.com/x\n")
    add_submodule(repository, f"file://{library}")

    done = build(build_context=None, manifest=manifest_of(repository))

    assert "lfs.url in .lfsconfig leads to another scheme or host" in done.error


def test_files_of_lfs_in_submodules_beside_the_job_are_not_fetched(
    build, with_pointer, library, lfs_calls
):
    (library / "model.pkl").write_text(POINTER.format("0" * 64, 10**13))
    git(library, "add", ".")
    git(library, "commit", "-m", "large")
    add_submodule(with_pointer, f"file://{library}", "library")

    assert build(build_context=None, manifest=manifest_of(with_pointer)).error is None
    assert lfs_calls.read_text().count("pull") == 1


def test_files_of_lfs_that_stay_pointers_are_refused(build, with_pointer, programs):
    (programs / "git-lfs").symlink_to("/bin/true")

    done = build(build_context=None, manifest=manifest_of(with_pointer))

    assert "model.pkl is still a pointer of Git LFS after `git lfs pull`" in done.error


def test_files_of_lfs_over_the_limit_are_refused_before_they_are_fetched(
    build, repository, programs
):
    (programs / "git-lfs").symlink_to("/bin/false")
    (repository / "jobs/adder/model.pkl").write_text(POINTER.format("0" * 64, 10**13))
    git(repository, "add", ".")
    git(repository, "commit", "-m", "pointer")

    done = build(build_context=None, manifest=manifest_of(repository))

    assert "model.pkl: the files in Git LFS are larger than" in done.error


def test_wrong_credentials_are_named_as_the_cause_and_never_shown(build, config):
    with server_that(deny) as (url, seen):
        manifest = a_manifest_dict(git={"remote": f"{url}/repo"})
        credentials = {"username": "john", "password": PASSWORD}
        refused = build(build_context=None, manifest=manifest, git_credentials=credentials)
        missing = build(build_context=None, manifest=manifest, deployment_id="2")

    assert "refused the credentials of user 'john'" in refused.error
    assert "asks for credentials and none are set" in missing.error
    assert any(header and header.startswith("Basic ") for header in seen)
    log = (config.build_logs_dir / "deployment-1.log").read_text()
    assert PASSWORD not in refused.text + log


def test_credentials_do_not_follow_a_redirect_to_another_host(build):
    with server_that(deny) as (thief_url, thief_saw):

        def redirect(request):
            request.send_response(302)
            request.send_header("Location", thief_url + request.path)
            request.send_header("Content-Length", "0")
            request.end_headers()

        with server_that(redirect) as (url, _):
            manifest = a_manifest_dict(git={"remote": f"{url}/repo"})
            credentials = {"username": "john", "password": PASSWORD}
            done = build(build_context=None, manifest=manifest, git_credentials=credentials)

    assert done.error is not None
    assert set(thief_saw) == {None}


def test_a_repository_over_the_limits_is_refused(start, build, repository):
    done = build(
        build_context=None, manifest=manifest_of(repository), using=start(max_source_files=2)
    )

    assert "more than 2 files" in done.error


def test_a_manifest_that_differs_is_told_but_defaults_and_bases_are_not(build, repository):
    def warnings_of(number, text):
        (repository / "jobs/adder/job.yaml").write_text(text)
        git(repository, "add", ".")
        git(repository, "commit", "-m", "manifest")
        manifest = manifest_of(repository) | {"replicas": 1}
        return build(build_context=None, manifest=manifest, deployment_id=str(number)).warnings

    base = (
        f"owner_email: sample@example.com\nversion: 0.0.1\njobtype: python3:latest\n"
        f"git:\n  remote: file://{repository}\n  directory: jobs/adder\n"
        "jobtype_extra:\n  entrypoint_path: adder.py\n  entrypoint_class: Adder\n"
    )
    assert warnings_of(1, f"name: adder\n{base}") == []
    (repository / "base.yaml").write_text(base)
    assert warnings_of(2, "name: adder\nextends: ../../base.yaml\n") == []
    assert "- replicas: 3\n+ replicas: 1" in warnings_of(3, f"name: adder\nreplicas: 3\n{base}")[0]
    assert "leads outside" in warnings_of(4, "name: adder\nextends: ../../../../secret.yaml\n")[0]


def test_no_build_begins_on_a_full_disk_and_the_builder_says_that_it_is_not_ready(start, build):
    done = build(using=start(min_free_disk_bytes=2**60))

    assert "free some space there" in done.error
