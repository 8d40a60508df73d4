import subprocess
from pathlib import Path

import pytest
from racetrack_client.client import source_files
from racetrack_client.client.source_files import Reason, collect_source
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.manifest import Manifest


def write_file(path: Path, text: str | bytes = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def a_manifest(**fields: object) -> Manifest:
    return Manifest.model_validate(
        {"name": "a", "owner_email": "a@b", "jobtype": "python3:latest", **fields}
    )


def sent(root: Path, manifest: Manifest | None = None) -> list[str]:
    return [path.as_posix() for path in collect_source(root, manifest).sent]


def run_git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return home


@pytest.fixture(params=["git", "no git"])
def repository(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Make a repository that git lists, or that is listed without git."""
    run_git(tmp_path, "init", "--quiet")
    if request.param == "no git":
        monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return tmp_path


def test_every_rule_of_git_is_heeded(repository: Path, home: Path):
    write_file(home / ".gitconfig", "[core]\n\texcludesFile = ~/mine.txt\n")
    write_file(home / "mine.txt", "*.swp\n")
    write_file(
        repository / ".gitignore", b"\xef\xbb\xbfmodel.ckpt\n.env\n/jobs/a/data/\n!keep.env\n"
    )
    write_file(repository / ".git/info/exclude", "notes.local\n")
    write_file(repository / "jobs/.gitignore", "*.log\n")
    job = repository / "jobs/a"
    write_file(job / ".gitignore", "*.csv\n!sub/wanted.csv\n")
    for name in (
        *("job.yaml", "sub/wanted.csv", "keep.env", "keep.log.py"),
        *("model.ckpt", ".env", "data/big.bin", "notes.local", "a.swp", "a.log", "a.csv"),
    ):
        write_file(job / name)

    source = collect_source(job)

    kept = [".gitignore", "job.yaml", "keep.env", "keep.log.py", "sub/wanted.csv"]
    assert [path.as_posix() for path in source.sent] == kept
    assert set(source.left_out) == {
        Path(name)
        for name in (".env", "a.csv", "a.log", "a.swp", "data", "model.ckpt", "notes.local")
    }
    assert source.describe_left_out() == ".env, a.csv, a.log, a.swp, data and 2 more"


def test_global_rules_lie_where_git_looks_for_them(repository: Path, home: Path):
    write_file(home / ".config/git/ignore", "*.swp\n")
    write_file(repository / "a.py")
    write_file(repository / "b.swp")

    assert sent(repository) == ["a.py"]


def test_what_git_keeps_is_sent_though_a_rule_ignores_it(tmp_path: Path):
    run_git(tmp_path, "init", "--quiet")
    write_file(tmp_path / ".gitignore", "*.pkl\n*.zip\n")
    for name in ("model.pkl", "model.zip", "other.pkl", "a.py"):
        write_file(tmp_path / name)
    run_git(tmp_path, "add", "--force", "model.pkl", "model.zip")

    assert sent(tmp_path) == [".gitignore", "a.py", "model.pkl", "model.zip"]


def test_a_kept_file_that_is_gone_is_not_missed(tmp_path: Path):
    run_git(tmp_path, "init", "--quiet")
    write_file(tmp_path / "a.py")
    write_file(tmp_path / "b.py")
    run_git(tmp_path, "add", ".")
    (tmp_path / "b.py").unlink()

    assert sent(tmp_path) == ["a.py"]


def test_a_job_in_an_ignored_directory_is_sent_by_all_other_rules(repository: Path):
    write_file(repository / ".gitignore", "scratch/\n.env\n")
    job = repository / "scratch/job"
    for name in ("job.yaml", ".env", "lib/a.py"):
        write_file(job / name)

    assert sent(job) == ["job.yaml", "lib/a.py"]


def test_a_repository_of_another_user_is_listed_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run_git(tmp_path, "init", "--quiet")
    write_file(tmp_path / ".git/info/exclude", ".env\n")
    write_file(tmp_path / "a.py")
    write_file(tmp_path / ".env")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    assert sent(tmp_path) == ["a.py"]


def test_ignore_files_count_outside_of_repositories(tmp_path: Path):
    write_file(
        tmp_path / ".gitignore", "# comment\nnode_modules/\n*.log\n!keep.log\n/top.txt\n**/d/x\n"
    )
    write_file(tmp_path / "sub/.gitignore", "!wanted.log\n*.tmp\n")
    for name in (
        *("node_modules/a.js", "a.log", "top.txt", "c/d/x", "sub/a.tmp"),
        *("keep.log", "sub/top.txt", "sub/wanted.log", "a.tmp", "model.zip"),
    ):
        write_file(tmp_path / name)

    assert sent(tmp_path) == [
        *(".gitignore", "a.tmp", "keep.log", "model.zip"),
        *("sub/.gitignore", "sub/top.txt", "sub/wanted.log"),
    ]


def test_git_itself_caches_and_environments_are_not_sent(repository: Path):
    for name in ("a.pyc", "__pycache__/a.py", "venv/bin/python", "my-env/lib/a.py", "a.py"):
        write_file(repository / name)
    write_file(repository / "my-env/pyvenv.cfg")
    (repository / "my-env/bin").mkdir()
    (repository / "my-env/bin/python").symlink_to("/usr/bin/python3")

    source = collect_source(repository)

    assert [path.as_posix() for path in source.sent] == ["a.py"]
    assert source.left_out == {
        Path("my-env"): Reason.ENVIRONMENT,
        Path("venv"): Reason.ENVIRONMENT,
    }


def test_files_that_the_requirements_name_are_sent_whatever_ignores_them(repository: Path):
    write_file(repository / ".gitignore", "dist/\nlib/\n*.txt\nwheels/\n.env\n")
    write_file(
        repository / "requirements.txt",
        b'\xef\xbb\xbf-r "deps/base.txt"\n./dist/mylib-1.0-py3-none-any.whl\n--find-links wheels\n',
    )
    write_file(repository / "deps/base.txt", "lib/helper\n-e lib/other[extra]\n")
    wanted = (
        *("dist/mylib-1.0-py3-none-any.whl", "wheels/a-1.whl"),
        *("lib/helper/pyproject.toml", "lib/helper/src/helper.py", "lib/other/setup.py"),
    )
    for name in (*wanted, "dist/old.whl", "lib/unused/a.py", "lib/helper/.env", "job.yaml"):
        write_file(repository / name)
    write_file(repository / "dist/.gitignore", "*\n")

    manifest = a_manifest(jobtype_extra={"requirements_path": "requirements.txt"})

    assert sent(repository, manifest) == sorted(
        [".gitignore", "deps/base.txt", "requirements.txt", "job.yaml", *wanted]
    )


def test_files_that_the_manifest_names_are_sent_whatever_ignores_them(repository: Path):
    write_file(repository / ".gitignore", "*.py\n*.bin\ntmpl/\n")
    for name in ("gen/model.py", "other.py", "data.bin", "tmpl/a.html"):
        write_file(repository / name)

    extra = {"entrypoint_path": "./gen/model.py", "extra_files": ["data.bin", "tmpl"]}

    assert sent(repository, a_manifest(jobtype_extra=extra)) == [
        *(".gitignore", "data.bin", "gen/model.py", "tmpl/a.html")
    ]


def test_racetrackignore_leaves_out_what_git_keeps(tmp_path: Path):
    run_git(tmp_path, "init", "--quiet")
    write_file(tmp_path / ".racetrackignore", "-data/\n+data/small.csv\n*.mp4\n")
    for name in ("data/big.csv", "film.mp4", "a.py"):
        write_file(tmp_path / name)
    run_git(tmp_path, "add", ".")

    source = collect_source(tmp_path)

    assert [path.as_posix() for path in source.sent] == [".racetrackignore", "a.py"]
    assert source.left_out == {
        Path("data/big.csv"): Reason.NAMED,
        Path("film.mp4"): Reason.NAMED,
    }


@pytest.mark.parametrize("name", ["secret.env", "./secret.env", "sub/../secret.env"])
def test_declared_secret_files_are_never_sent(repository: Path, name: str):
    write_file(repository / ".gitignore", "!secret.env\n")
    write_file(repository / "secret.env", "PASSWORD=hunter2")
    write_file(repository / "sub/a.py")
    (repository / "alias.env").symlink_to("secret.env")

    extra = {"data_path": "secret.env"}
    manifest = a_manifest(secret_build_env_file=name, jobtype_extra=extra)

    assert sent(repository, manifest) == [".gitignore", "sub/a.py"]


def test_a_secret_behind_a_linked_directory_is_not_sent(repository: Path):
    write_file(repository / "models/v1/weights.bin", "weights")
    (repository / "current").symlink_to("models/v1")

    assert sent(repository) == ["current/weights.bin", "models/v1/weights.bin"]
    manifest = a_manifest(secret_runtime_env_file="models/v1/weights.bin")
    assert sent(repository, manifest) == []


def test_a_link_to_an_ignored_directory_means_its_files(repository: Path):
    write_file(repository / ".gitignore", "models/\n")
    write_file(repository / "models/v1/weights.bin", "weights")
    (repository / "current").symlink_to("models/v1")

    assert sent(repository) == [".gitignore", "current/weights.bin"]


@pytest.mark.parametrize("target", ["{outside}/outside.txt", "../gone.txt", "{outside}"])
def test_a_link_that_leads_outside_is_refused(tmp_path: Path, target: str):
    write_file(tmp_path / "outside.txt")
    job = tmp_path / "job"
    job.mkdir()
    (job / "link").symlink_to(target.format(outside=tmp_path))

    with pytest.raises(ValidationError, match=r"^link is a link that leads outside"):
        collect_source(job)
    write_file(job / ".racetrackignore", "link\n")
    assert sent(job) == [".racetrackignore"]


@pytest.mark.parametrize(
    "extra",
    [
        {"data_path": "../id_rsa"},
        {"extra_files": ["a.py", "sub/../../id_rsa"]},
        {"data_directory": ".."},
        {"data_path": "../job/a.py"},
        {"data_path": "link/id_rsa"},
        {"requirements_path": "../id_rsa"},
        {"requirements_path": "nested.txt"},
        {"requirements_path": "library.txt"},
    ],
)
def test_a_named_file_outside_the_directory_is_refused(tmp_path: Path, extra: dict[str, object]):
    write_file(tmp_path / "id_rsa", "PRIVATE")
    write_file(tmp_path / "lib/setup.py")
    job = tmp_path / "job"
    write_file(job / "nested.txt", "-r ../id_rsa\n")
    write_file(job / "library.txt", "-e ../lib\n")
    write_file(job / ".racetrackignore", "link\n")
    write_file(job / "a.py")
    (job / "link").symlink_to(tmp_path)

    with pytest.raises(ValidationError, match=r"lies outside the job's dir|leads outside"):
        collect_source(job, a_manifest(jobtype_extra=extra))


@pytest.mark.parametrize("name", ["{outside}/id_rsa", "/etc", "{outside}/job/a.py"])
def test_an_absolute_name_means_a_place_in_the_image(tmp_path: Path, name: str):
    write_file(tmp_path / "id_rsa", "PRIVATE")
    write_file(tmp_path / "job/a.py")

    extra = {"model_path": name.format(outside=tmp_path)}

    assert sent(tmp_path / "job", a_manifest(jobtype_extra=extra)) == ["a.py"]


def test_a_path_as_seen_from_its_requirements_file_is_no_path_outside(tmp_path: Path):
    write_file(tmp_path / "lib/setup.py")
    job = tmp_path / "job"
    write_file(job / "deps/base.txt", "-e ../lib\n")
    write_file(job / "lib/setup.py")

    manifest = a_manifest(jobtype_extra={"requirements_path": "deps/base.txt"})

    assert sent(job, manifest) == ["deps/base.txt", "lib/setup.py"]


def test_a_kept_file_behind_a_link_that_leads_outside_is_refused(tmp_path: Path):
    job = tmp_path / "job"
    write_file(job / "data/a.csv")
    run_git(job, "init", "--quiet")
    run_git(job, "add", ".")
    (job / "data").rename(tmp_path / "data")
    (job / "data").symlink_to(tmp_path / "data")
    write_file(job / ".racetrackignore", "/data\n!/data/a.csv\n")

    with pytest.raises(ValidationError, match="outside"):
        collect_source(job)


def test_a_bad_link_is_named_in_a_directory_that_is_reached_by_a_link(tmp_path: Path):
    job = tmp_path / "job"
    job.mkdir()
    (job / "dead").symlink_to("/nowhere/x")
    (tmp_path / "alias").symlink_to(job)

    with pytest.raises(ValidationError, match=r"^dead is a link that leads outside"):
        collect_source(tmp_path / "alias")


def test_links_that_lead_to_each_other_end(repository: Path):
    write_file(repository / "a/x.py")
    write_file(repository / "b/y.py")
    (repository / "a/l").symlink_to("../b")
    (repository / "b/l").symlink_to("../a")
    (repository / "loop").symlink_to(".")

    assert sent(repository) == ["a/l/y.py", "a/x.py", "b/l/x.py", "b/y.py"]


def test_a_link_to_nothing_is_told(repository: Path):
    write_file(repository / "a.py")
    (repository / "nowhere").symlink_to("missing")

    source = collect_source(repository)

    assert [path.as_posix() for path in source.sent] == ["a.py"]
    assert source.left_out == {Path("nowhere"): Reason.DANGLING}


@pytest.fixture
def with_submodule(tmp_path: Path) -> Path:
    library, job = tmp_path / "library", tmp_path / "job"
    for directory in (library, job):
        directory.mkdir()
        run_git(directory, "init", "--quiet")
    write_file(library / "common/__init__.py")
    write_file(library / ".gitignore", "*.tmp\n")
    run_git(library, "add", ".")
    run_git(library, "commit", "--quiet", "-m", "first")
    write_file(job / ".gitignore", ".env\n")
    run_git(job, "-c", "protocol.file.allow=always", "submodule", "add", str(library), "vendor")
    return job


def test_a_submodule_is_sent_by_its_own_rules_and_those_around_it(with_submodule: Path):
    for name in ("vendor/x.tmp", "vendor/.env", "vendor/new.py"):
        write_file(with_submodule / name)

    assert sent(with_submodule) == [
        *(".gitignore", ".gitmodules", "vendor/.gitignore"),
        *("vendor/common/__init__.py", "vendor/new.py"),
    ]


def test_a_submodule_that_is_not_checked_out_is_told(with_submodule: Path):
    run_git(with_submodule, "submodule", "deinit", "--force", "vendor")

    source = collect_source(with_submodule)

    assert source.left_out == {Path("vendor"): Reason.EMPTY_SUBMODULE}


def test_too_many_files_are_refused_with_the_place_of_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(source_files, "MAX_PACKED_FILES", 3)
    for number in range(4):
        write_file(tmp_path / f"data/{number}.txt")
    write_file(tmp_path / "a.py")

    with pytest.raises(ValidationError, match="more than 3 files, 4 of them in data; name what"):
        collect_source(tmp_path)


def test_the_current_directory_is_a_directory_like_others(
    repository: Path, monkeypatch: pytest.MonkeyPatch
):
    write_file(repository / "a/b.py")
    monkeypatch.chdir(repository)

    assert sent(Path()) == ["a/b.py"]
