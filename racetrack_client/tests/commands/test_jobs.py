import json
import time

import pytest

JOBS = [
    {"name": "adder", "version": "0.0.2", "status": "running", "last_call_time": None},
    {"name": "broken", "version": "0.0.1", "status": "error"},
]


@pytest.fixture
def listed(logged_in, lifecycle, answer):
    lifecycle.on("GET job", answer(JOBS))
    return logged_in


def test_a_terminal_gets_colours_unless_its_user_wants_none(listed):
    screen = listed.on_terminal("list").screen
    assert "\033[32mRUNNING\033[0m" in screen
    assert "\033[31mERROR\033[0m" in screen
    assert "\033[" not in listed.on_terminal("list", NO_COLOR="1").screen
    assert "\033[" not in listed("list").stdout
    assert "\033[31merror:\033[0m" in listed.on_terminal("status", "none").screen


def test_all_columns_have_short_names_on_a_terminal(listed):
    assert "LAST CALL  " in listed.on_terminal("list", "-c", "all", NO_COLOR="1").screen
    assert "LAST CALL AT" in listed("list", "-c", "all").stdout


@pytest.mark.parametrize("name", ["add", "a*r", "adder", "?dder"])
def test_the_list_is_filtered_by_name(listed, name):
    assert listed("list", name).stdout.splitlines()[1].split()[0] == "adder"
    assert len(json.loads(listed("list", name, "-o", "json").stdout)) == 1
    assert "no job is named like x" in listed("list", "x").stderr


def test_json_holds_no_empty_keys_of_the_manifest(logged_in, lifecycle, answer):
    manifest = {"name": "adder", "golang": None, "image_type": "docker", "replicas": 1}
    job = {"name": "adder", "version": "0.0.2", "manifest": manifest, "error": None}
    lifecycle.on("GET job", answer([job]))
    lifecycle.on("GET job/adder/latest", answer(job))

    tidy = job | {"manifest": {"name": "adder", "replicas": 1}}
    assert json.loads(logged_in("list", "-o", "json").stdout) == [tidy]
    assert json.loads(logged_in("status", "adder", "-o", "json").stdout) == tidy


def test_delete_asks_on_a_terminal_only(logged_in, lifecycle, answer):
    lifecycle.on("GET job/adder/0.0.2", answer(JOBS[0]))
    lifecycle.on("DELETE job/adder/0.0.2", answer(None))

    refused = logged_in.on_terminal("delete", "adder", "--version", "0.0.2", typed="n\n")
    assert refused.returncode == 70
    assert "Delete adder 0.0.2 (last call: never)? [y/N]" in refused.screen
    assert "nothing is deleted" in refused.screen
    assert not [each for each in lifecycle.received if each.method == "DELETE"]

    for done in (
        logged_in.on_terminal("delete", "adder", "--version", "0.0.2", typed="y\n"),
        logged_in.on_terminal("delete", "adder", "--version", "0.0.2", "--yes"),
        logged_in("delete", "adder", "--version", "0.0.2"),
    ):
        assert done.returncode == 0
    assert len([each for each in lifecycle.received if each.method == "DELETE"]) == 3


def test_an_alias_is_not_deleted_but_the_versions_are_named(listed, lifecycle, answer):
    missing = answer({"error": "there is no job adder latest"}, 404)
    lifecycle.on("DELETE job/adder/latest", missing)

    done = listed("delete", "adder", "--version", "latest")

    assert "adder has the versions: 0.0.2" in done.stderr


def test_logs_are_asked_for_since_a_time(logged_in, lifecycle, answer):
    lifecycle.on("GET job/adder/latest", answer(JOBS[0]))
    moment = "2026-05-01T12:30:00+00:00"
    question = "logs?since=1777638600.0&tail=2147483647"
    lifecycle.on(f"GET job/adder/0.0.2/{question}", answer({"logs": "one\n\n"}))

    assert logged_in("logs", "adder", "--since", moment).stdout == "one\n\n"
    logged_in("logs", "adder", "--since", "10m", "--tail", "5")
    asked = lifecycle.received[-1].path
    assert asked.endswith("&tail=5")
    assert abs(time.time() - 600 - float(asked.partition("since=")[2].partition("&")[0])) < 30
    assert "'soon' is no time" in logged_in("logs", "adder", "--since", "soon").stderr
    assert logged_in("logs", "adder", "--since", "1m", "-f").returncode == 70


def test_no_lines_are_no_data(logged_in, lifecycle, answer):
    lifecycle.on("GET job/adder/latest", answer(JOBS[0]))
    lifecycle.on("GET job/adder/0.0.2/logs?tail=20", answer({"logs": ""}))

    done = logged_in("logs", "adder")

    assert (done.stdout, done.stderr) == ("", "no lines\n")
