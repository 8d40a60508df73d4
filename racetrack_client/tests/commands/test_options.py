import subprocess
import sys

import pytest

JOBS = [
    {"name": "adder", "version": "0.0.2", "infrastructure_target": "process"},
    {"name": "adder", "version": "0.0.3", "infrastructure_target": "docker"},
    {"name": "primer", "version": "0.0.1"},
]
PLUGINS = [{"name": "python3", "version": "3.0.0"}, {"name": "other", "version": "1.0.0"}]


@pytest.fixture
def complete(logged_in, lifecycle, answer):
    """Press Tab at the end of a line; return the offered completions."""
    lifecycle.on("GET job", answer(JOBS))
    lifecycle.on("GET plugin", answer(PLUGINS))
    lifecycle.on("GET users", answer([{"username": "anna"}, {"username": "ben"}]))
    lifecycle.on("GET escs", answer({"error": "staff only"}, 401))
    lifecycle.on("GET job_family", answer([{"name": "adder"}]))
    paths = {"/api/v1/perform": {}, "/explain": {}}
    lifecycle.on("GET /pub/job/adder/latest/openapi.json", answer({"paths": paths}))

    def complete(line):
        count = len(line.split()) - (not line.endswith(" "))
        done = logged_in(
            _RACETRACK_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(count)
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    return complete


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("racetrack logs ad", ["adder"]),
        ("racetrack call ", ["adder", "primer"]),
        ("racetrack logs adder --version ", ["0.0.2", "0.0.3", "latest"]),
        ("racetrack delete adder --version 0.0.3", ["0.0.3"]),
        ("racetrack rollback adder 0.", ["0.0.2", "0.0.3"]),
        ("racetrack move adder --version 0.0.2 --infrastructure ", ["docker", "process"]),
        ("racetrack auth explain alice ad", ["adder"]),
        ("racetrack call adder ", ["/api/v1/perform", "/explain"]),
        ("racetrack auth allow a", ["adder", "anna"]),
        ("racetrack plugin uninstall py", ["python3"]),
        ("racetrack plugin download python3 ", ["3.0.0"]),
        ("racetrack roll", ["rollback"]),
    ],
)
def test_the_shell_completes_jobs_versions_targets_and_plugins(complete, line, offered):
    assert complete(line) == offered


def test_the_shell_completes_remotes(complete, racetrack):
    racetrack("set", "alias", "here", "http://127.0.0.1:7202")
    racetrack("set", "alias", "there", "https://there.example.com")

    assert complete("racetrack list --remote h") == ["here"]
    assert complete("racetrack set remote ") == ["here", "there"]


def test_jobs_of_the_named_remote_are_offered(racetrack, lifecycle, answer):
    lifecycle.on("GET job", answer(JOBS))
    racetrack("set", "alias", "here", lifecycle.root)

    done = racetrack(
        RACETRACK_AUTH_TOKEN="x",
        _RACETRACK_COMPLETE="complete_bash",
        COMP_WORDS="racetrack logs --remote here pr",
        COMP_CWORD="4",
    )

    assert done.stdout.split() == ["primer"]


def test_nothing_is_offered_when_lifecycle_is_away(racetrack):
    done = racetrack(
        RACETRACK_REMOTE="http://127.0.0.1:9",
        _RACETRACK_COMPLETE="complete_bash",
        COMP_WORDS="racetrack logs ad",
        COMP_CWORD="2",
    )

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_names_of_commands_are_offered_without_importing_any(racetrack):
    script = (
        "import sys, racetrack_client.__main__ as program\n"
        "try: program.main()\n"
        "except SystemExit: print(*sys.modules)"
    )
    completing = {
        "_RACETRACK_COMPLETE": "complete_bash",
        "COMP_WORDS": "racetrack l",
        "COMP_CWORD": "1",
    }

    done = subprocess.run(
        [sys.executable, "-c", script],
        env=racetrack.variables | completing,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split()[:3] == ["list", "logs", "login"]
    assert not {"yaml", "racetrack_client.commands.jobs"} & set(done.stdout.split())


def test_the_names_of_commands_are_offered_without_a_slow_import(logged_in):
    completing = {"COMP_WORDS": "racetrack dep", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "racetrack_client"],
        env=logged_in.variables | completing | {"_RACETRACK_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["deploy", "deployments"]
    assert "| typer" in done.stderr.replace("   ", "")
    assert "pydantic" not in done.stderr
