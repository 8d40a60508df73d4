import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from racetrack_commons.testing.builders import a_manifest_yaml

JOB = a_manifest_yaml(jobtype_extra=...)
JOBS = [
    {"name": "adder", "version": "0.0.2", "status": "running", "job_type_version": "python3:3.0.0",
     "infrastructure_target": "process", "deployed_by": "admin", "update_time": 1,
     "last_call_time": None, "pub_url": "http://pub/job/adder/0.0.2"},
    {"name": "primer", "version": "0.0.1", "status": "lost"},
]  # fmt: skip


def test_bare_racetrack_prints_help_and_succeeds(racetrack):
    done = racetrack()

    assert done.returncode == 0
    assert "Usage: racetrack" in done.stdout
    for command in ("deploy", "validate", "list", "logs", "call", "login", "plugin", "version"):
        assert command in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["frobnicate"], ["list", "--frobnicate"], ["delete", "adder"], ["logs"], ["set"], ["login"]],
)
def test_a_command_used_wrongly_ends_with_2(racetrack, arguments):
    assert racetrack(*arguments).returncode == 2


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("plugins", "Did you mean plugin?"),
        ("ps", "Did you mean list?"),
        ("xyz", "`racetrack --help` lists them all."),
    ],
)
def test_an_unknown_command_is_answered_with_the_one_that_may_be_meant(racetrack, typed, hint):
    done = racetrack(typed)

    assert done.returncode == 2
    assert f"No such command '{typed}'. {hint}" in done.stderr


def test_version_is_data(racetrack):
    assert racetrack("version").stdout.startswith("racetrack-client version ")
    assert json.loads(racetrack("version", "-o", "json").stdout)["version"]


def test_the_settings_file_is_only_for_its_owner(racetrack):
    assert racetrack("set", "alias", "home", "http://localhost:7202/").returncode == 0
    assert racetrack("set", "remote", "home").returncode == 0
    assert racetrack("set", "credentials", "https://git.example.com/", "me", "pw").returncode == 0

    assert stat.S_IMODE(racetrack.config_path.stat().st_mode) == 0o600
    assert yaml.safe_load(racetrack.config_path.read_text()) == {
        "lifecycle_url": "home",
        "lifecycle_url_aliases": {"home": "http://localhost:7202"},
        "git_credentials": {"https://git.example.com": {"username": "me", "password": "pw"}},
        "user_auths": {},
    }
    assert racetrack("get", "remote").stdout == "http://localhost:7202/lifecycle\n"
    assert json.loads(racetrack("get", "remote", "--output", "json").stdout)["name"] == "home"


def test_a_broken_settings_file_is_named_without_its_secrets(racetrack):
    racetrack.config_path.parent.mkdir()
    racetrack.config_path.write_text("user_auths: [hunter2]\n")

    done = racetrack("get", "config")

    assert done.returncode == 70
    assert "user_auths" in done.stderr
    assert "hunter2" not in done.stderr


def test_login_by_token_and_logout(racetrack, lifecycle, answer):
    lifecycle.on("GET users/validate_user_auth", answer({"username": "admin"}))

    done = racetrack("login", "my-token", "--remote", lifecycle.url)

    assert done.returncode == 0, done.stderr
    assert "admin" in done.stderr
    assert "my-token" not in done.stderr
    shown = racetrack("get", "auth-token", "--remote", lifecycle.url)
    assert shown.stdout == "my-token\n"
    assert racetrack("logout", "--remote", lifecycle.url).returncode == 0
    assert racetrack("logout", "--remote", lifecycle.url).returncode == 70


def test_a_refused_token_is_not_kept(racetrack, lifecycle, answer):
    lifecycle.on("GET users/validate_user_auth", answer({"error": "no"}, 401))

    done = racetrack("login", "bad", "--remote", lifecycle.url)

    assert done.returncode == 70
    assert "authentication error: the token is not valid" in done.stderr
    assert not racetrack.config_path.exists()


def test_without_a_token_the_command_says_how_to_log_in(racetrack, lifecycle):
    done = racetrack("list", RACETRACK_REMOTE=lifecycle.url)

    assert done.returncode == 70
    assert "racetrack login" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in racetrack("-v", "list", RACETRACK_REMOTE=lifecycle.url).stderr


def test_no_token_is_needed_where_none_is_asked_for(racetrack, lifecycle, answer):
    lifecycle.on("GET info", answer({"auth_required": False}))
    lifecycle.on("GET job", answer([]))

    done = racetrack("list", RACETRACK_REMOTE=lifecycle.url)

    assert (done.returncode, done.stdout) == (0, "")
    assert "X-Racetrack-Auth" not in lifecycle.requests_to("/job")[0].headers


def test_the_list_is_a_table(logged_in, lifecycle, answer):
    lifecycle.on("GET job", answer(JOBS))

    assert logged_in("list").stdout == (
        "NAME     VERSION   STATUS \n"
        "adder    0.0.2     RUNNING\n"
        "primer   0.0.1     LOST   \n"
    )  # fmt: skip
    header = logged_in("list", "-c", "all").stdout.splitlines()[0]
    assert header.split("   ")[3].strip() == "JOB TYPE"
    assert lifecycle.requests_to("/job")[0].headers["X-Racetrack-Auth"] == "the-token"


def test_the_list_bears_the_jobs_of_older_and_newer_servers(logged_in, lifecycle, answer):
    lifecycle.on("GET job", answer([{"name": "old", "version": "1.0.0", "novelty": {"a": 1}}]))

    assert logged_in("list", "-c", "all").stdout.splitlines()[1].split() == [
        "old",
        "1.0.0",
        "never",
        "never",
    ]


def test_the_list_as_json_is_what_lifecycle_says(logged_in, lifecycle, answer):
    lifecycle.on("GET job", answer(JOBS))

    assert json.loads(logged_in("list", "--output", "json").stdout) == JOBS


def test_list_shows_the_memory_of_jobs_and_what_is_wrong_with_them(logged_in, lifecycle, answer):
    of_memory = {"memory_bytes": 327155712, "memory_peak_bytes": 1288490189}
    jobs = [
        JOBS[0] | {"infrastructure_stats": of_memory | {"memory_limit_bytes": 2**31}},
        JOBS[1] | {"infrastructure_stats": {"memory_bytes": 2**20}, "error": "gone\nfor good"},
        JOBS[1] | {"notice": "the job was killed"},
    ]
    lifecycle.on("GET job", answer(jobs))

    lines = logged_in("list", "-c", "memory", "-c", "problem").stdout.splitlines()

    assert "312.0 MiB (peak 1.2 GiB, limit 2.0 GiB)" in lines[1]
    assert "1.0 MiB " in lines[2]
    assert [line.rstrip().rpartition("   ")[2] for line in lines[2:]] == [
        "gone",
        "the job was killed",
    ]


def test_pub_is_data(logged_in, lifecycle):
    assert logged_in("get", "pub").stdout == f"{lifecycle.root}/pub\n"


def test_logs_are_asked_for_the_exact_version(logged_in, lifecycle, answer):
    lifecycle.on("GET job/adder/latest", answer(JOBS[0]))
    lifecycle.on("GET job/adder/0.0.2/logs?tail=5", answer({"logs": "one\ntwo\n"}))

    assert logged_in("logs", "adder", "--tail", "5").stdout == "one\ntwo\n"


def test_build_logs_delete_and_move_call_their_endpoints(logged_in, lifecycle, answer):
    lifecycle.on("GET job/adder/1.x/build-logs?tail=0", answer({"logs": "built"}))
    lifecycle.on("DELETE job/adder/0.0.2", answer(None))
    lifecycle.on("POST job/adder/0.0.2/move", answer(None))

    assert logged_in("build-logs", "adder", "--version", "1.x").stdout == "built\n"
    assert logged_in("delete", "adder", "--version", "0.0.2").returncode == 0
    moved = logged_in("move", "adder", "--version", "0.0.2", "--infrastructure", "docker")
    assert (moved.returncode, moved.stdout) == (0, "")
    assert lifecycle.received[-1].json() == {"infrastructure_target": "docker"}


def test_the_words_of_the_server_are_shown(logged_in, lifecycle, answer):
    lifecycle.on("DELETE job/adder/9.9.9", answer({"error": "no job adder 9.9.9"}, 404))

    done = logged_in("delete", "adder", "--version", "9.9.9")

    assert done.returncode == 70
    assert done.stderr == "error: Lifecycle response error: Not Found: no job adder 9.9.9\n"


def test_an_unreachable_lifecycle_is_named(racetrack):
    done = racetrack("get", "pub", "--remote", "http://127.0.0.1:9")

    assert done.returncode == 70
    assert "http://127.0.0.1:9/lifecycle/api/v1/info" in done.stderr
    assert "is it running" in done.stderr


def test_validate_prints_the_manifest_with_defaults(racetrack):
    (racetrack.workdir / "job.yaml").write_text(JOB.replace("jobtype:", "lang:"))

    done = racetrack("validate", "-e", "replicas=2")

    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["version"] == "0.0.1"
    assert "warning: lang in the manifest is deprecated" in done.stderr


def test_a_manifest_is_validated_from_standard_input_when_asked(racetrack):
    done = racetrack("validate", "-", "-o", "json", stdin=JOB)

    assert json.loads(done.stdout)["name"] == "adder", done.stderr


def test_validate_names_every_error_of_a_bad_file(racetrack):
    (racetrack.workdir / "job.yaml").write_text("name: Bad\nreplicas: 99\ncolour: red\n")

    done = racetrack("validate")

    assert (done.returncode, done.stdout) == (70, "")
    for path in ("name", "owner_email", "jobtype", "replicas", "colour"):
        assert f"\n  {path}: " in done.stderr


def test_validate_reads_the_entrypoint(racetrack):
    (racetrack.workdir / "job.yaml").write_text(JOB + "jobtype_extra: {entrypoint_path: job.py}\n")
    absent = racetrack("validate")
    (racetrack.workdir / "job.py").write_text("class Job:\n    def preform(self): ...\n")
    slip = racetrack("validate")
    (racetrack.workdir / "job.py").write_text("class Job:\n    def perform(self): ...\n")
    noted = racetrack("validate")

    assert (absent.returncode, absent.stderr) == (0, "")
    assert slip.returncode == 70
    assert (
        "class Job in job.py has no perform() and no other endpoint; did you mean perform"
        in slip.stderr
    )
    assert noted.returncode == 0
    assert "note: job.py documents no example" in noted.stderr


def test_plugins_are_listed_uninstalled_and_downloaded(logged_in, lifecycle, answer):
    lifecycle.on("GET plugin", answer([{"name": "python3", "version": "3.0.0"}]))
    lifecycle.on("GET plugin/job_type/versions", answer(["python3:3.0.0"]))
    broken = [{"file": "moon-1.0.0.zip", "error": "ImportError: no moon"}]
    lifecycle.on("GET plugin/broken", answer(broken))
    lifecycle.on("DELETE plugin/python3/3.0.0", answer(None))
    lifecycle.on("GET plugin/python3/3.0.0/download", answer(b"PK", 200, "application/zip"))

    assert logged_in("plugin", "list").stdout == "python3==3.0.0\n"
    assert logged_in("plugin", "list", "--job-types").stdout == "python3:3.0.0\n"
    assert logged_in("plugin", "list", "--broken").stdout == (
        "moon-1.0.0.zip: ImportError: no moon\n"
    )
    assert json.loads(logged_in("plugin", "list", "--broken", "-o", "json").stdout) == broken
    lifecycle.on("GET plugin/broken", answer([]))
    assert logged_in("plugin", "list", "--broken").stdout == ""
    assert logged_in("plugin", "uninstall", "python3", "--version", "3.0.0").returncode == 0
    logged_in("plugin", "download", "python3", "3.0.0", "--out-filename", "my.zip")
    assert (logged_in.workdir / "my.zip").read_bytes() == b"PK"
    assert logged_in("plugin", "download", "python3", "9.9.9").returncode == 70
    lifecycle.on("DELETE plugin/a%2Fb/1.0.0", answer(None))
    assert logged_in("plugin", "uninstall", "a/b", "--version", "1.0.0").returncode == 0
    assert logged_in("plugin", "uninstall", "", "--version", "1.0.0").returncode == 70


def test_a_bundle_is_made_and_installed(logged_in, lifecycle, answer):
    (logged_in.workdir / "plugin.py").write_text("class Plugin: ...")
    manifest = Path(logged_in.workdir / "plugin-manifest.yaml")
    manifest.write_text("name: mine\nversion: 1.0.0\n")
    lifecycle.on(
        "POST plugin/upload/mine-1.0.0.zip?replace=1", answer({"name": "mine", "version": "1.0.0"})
    )

    assert logged_in("plugin", "bundle").returncode == 0
    done = logged_in("plugin", "install", "mine-1.0.0.zip", "--replace")

    assert done.returncode == 0, done.stderr
    assert lifecycle.received[-1].body == (logged_in.workdir / "mine-1.0.0.zip").read_bytes()


def test_a_bug_asks_for_the_verbose_option(logged_in, lifecycle, answer):
    lifecycle.on("GET job/adder/latest", answer({}))

    done = logged_in("logs", "adder")

    assert done.returncode == 70
    assert "KeyError: 'version'; run `racetrack -v" in done.stderr


@pytest.mark.parametrize("command", ["list", "version", "--help", "deploy --help"])
@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_has_seen_enough_is_no_error(logged_in, lifecycle, answer, command, reader):
    lifecycle.on("GET job", answer(JOBS * 2000))
    script = f"{sys.executable} -m racetrack_client {command} | {reader}; exit ${{PIPESTATUS[0]}}"

    done = subprocess.run(
        ["bash", "-c", script], env=logged_in.variables, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_release_is_installed_from_the_github_of_a_company(logged_in, lifecycle, answer):
    asset = {"browser_download_url": f"{lifecycle.root}/web/p-1.2.0.zip"}
    releases = [{"name": None, "tag_name": "1.2.0", "assets": [asset]}]
    lifecycle.on("GET /repos/me/p/releases?per_page=100", answer(releases))
    lifecycle.on("GET /web/p-1.2.0.zip", answer(b"PK", 200, "application/zip"))
    lifecycle.on("POST plugin/upload/p-1.2.0.zip?replace=0", answer({"name": "p", "version": "1"}))

    done = logged_in("plugin", "install", "github.com/me/p", GITHUB_API_URL=lifecycle.root)

    assert done.returncode == 0, done.stderr
    assert lifecycle.requests_to("p-1.2.0.zip?replace=0")[0].body == b"PK"
