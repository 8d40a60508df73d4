import json
import re

import pytest

ID = "29a5c3aa-0d5e-4a6e-8a6b-3f1f8d3c2b10"
LIST = "GET deploy?job_name=adder&job_version=&limit=20"
RUNNING = "GET deploy?job_name=adder&limit=50"
DONE = {"status": "done", "job_name": "adder", "job_version": "0.0.2"}
DONE |= {"job": {"pub_url": "http://pub/job/adder/0.0.2"}}


def a_deployment(**values):
    known = {"id": ID, "job_version": "0.0.2", "status": "done", "deployed_by": "anna"}
    return known | {"create_time": 1_770_000_000, "update_time": 1_770_000_007} | values


def test_deployments_are_listed_with_ids_the_newest_first(logged_in, lifecycle, answer):
    old = a_deployment(id="old", create_time=1, update_time=3, kind="rollback", is_restorable=True)
    running = a_deployment(status="in_progress", phase="building image", kind="deploy")
    lifecycle.on(LIST, answer([old, running]))

    done = logged_in("deployments", "adder")

    first, second = (re.split(" {3,}", line.strip()) for line in done.stdout.splitlines()[1:])
    assert first[:5] == [ID, "0.0.2", "deploy", "building image", "anna"]
    assert (second[0], *second[-2:]) == ("old", "2 s", "possible")


def test_a_job_without_deployments_is_named(logged_in, lifecycle, answer):
    lifecycle.on(LIST, answer([]))
    lifecycle.on("GET job", answer([{"name": "adders", "version": "0.0.2"}]))

    done = logged_in("deployments", "adder")

    assert (done.returncode, done.stdout) == (0, "")
    assert "no deployment of adder is known; did you mean adders?" in done.stderr


@pytest.mark.parametrize("named", [ID, "adder"])
def test_a_running_deployment_is_followed_to_its_end(logged_in, lifecycle, answer, named):
    lifecycle.on(RUNNING, answer([a_deployment(status="in_progress"), a_deployment(id="x")]))
    running = {"status": "in_progress", "phase": "starting Job server"}
    lifecycle.on(f"GET deploy/{ID}", answer(running), answer(DONE))

    done = logged_in("attach", named)

    assert (done.returncode, done.stdout) == (0, "http://pub/job/adder/0.0.2\n"), done.stderr
    assert "starting Job server" in done.stderr
    assert "adder 0.0.2 is deployed" in done.stderr


def test_a_deployment_is_cancelled_by_the_name_of_its_job(logged_in, lifecycle, answer):
    lifecycle.on(RUNNING, answer([a_deployment(status="in_progress")]))
    lifecycle.on(f"POST deploy/{ID}/cancel", answer(None))

    done = logged_in("cancel", "adder")

    assert done.returncode == 0, done.stderr
    assert f"deployment {ID} is cancelled" in done.stderr


@pytest.mark.parametrize(
    ("running", "message"),
    [
        ([], "no deployment of adder runs; `racetrack deployments adder` lists"),
        (["one", "two"], "several deployments of adder run: name one of one, two"),
    ],
)
def test_a_name_must_mean_one_deployment(logged_in, lifecycle, answer, running, message):
    lifecycle.on(RUNNING, answer([a_deployment(id=i, status="in_progress") for i in running]))

    done = logged_in("cancel", "adder")

    assert done.returncode == 70
    assert message in done.stderr


def test_the_list_of_deployments_is_also_json(logged_in, lifecycle, answer):
    lifecycle.on(LIST, answer([a_deployment()]))

    assert json.loads(logged_in("deployments", "adder", "-o", "json").stdout)[0]["id"] == ID


def test_a_deployment_that_serves_was_cancelled_or_failed_is_called_so(
    logged_in, lifecycle, answer
):
    serving = a_deployment(id="now", create_time=4, is_serving=True, is_restorable=True)
    ended = {"status": "failed", "create_time": 3}
    cancelled = a_deployment(**ended, id="x", is_cancelled=True, error="cancelled by anna")
    failed = a_deployment(**(ended | {"create_time": 2}), id="f", error="no module\nfoo")
    older = a_deployment(id="old", create_time=1, is_restorable=True)
    lifecycle.on(LIST, answer([older, failed, cancelled, serving]))

    rows = [line.split() for line in logged_in("deployments", "adder").stdout.splitlines()[1:]]

    assert [(row[0], row[2]) for row in rows] == [
        ("now", "serving"), ("x", "cancelled"), ("f", "failed"), ("old", "done"),
    ]  # fmt: skip
    assert [row[-1] for row in rows] == ["s", "anna", "module", "possible"]
