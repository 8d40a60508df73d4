import json

import pytest

STARTED = {"deployment_id": "7", "restored_deployment_id": "3", "of_a_newer_server": 1}
DONE = {"status": "done", "job": {"pub_url": "http://pub/job/adder/0.0.2"}, "phase": None}


@pytest.fixture
def rolling_back(lifecycle, answer):
    lifecycle.on("GET job/adder/latest", answer({"name": "adder", "version": "0.0.2"}))
    lifecycle.on("POST job/adder/0.0.2/rollback", answer(STARTED))
    lifecycle.on(
        "GET deploy/7", answer({"status": "in_progress", "phase": "starting"}), answer(DONE)
    )


@pytest.mark.usefixtures("rolling_back")
def test_a_rollback_is_followed_to_its_end_and_prints_the_url(logged_in, lifecycle):
    done = logged_in("rollback", "adder")

    assert (done.returncode, done.stdout) == (0, "http://pub/job/adder/0.0.2\n"), done.stderr
    assert "adder 0.0.2 is back at deployment 3" in done.stderr
    assert lifecycle.requests_to("/rollback")[0].body == b""


@pytest.mark.usefixtures("rolling_back")
def test_a_rollback_to_a_deployment_names_it(logged_in, lifecycle, answer):
    lifecycle.on("GET job/adder/0.0.2", answer({"name": "adder", "version": "0.0.2"}))

    done = logged_in("rollback", "adder", "0.0.2", "--deployment", "3", "-o", "json")

    assert json.loads(done.stdout)["restored_deployment_id"] == "3"
    assert json.loads(done.stdout)["deployment"]["status"] == "done"
    assert lifecycle.requests_to("/rollback")[0].json() == {"deployment_id": "3"}


@pytest.mark.usefixtures("rolling_back")
def test_a_rollback_that_fails_ends_with_70(logged_in, lifecycle, answer):
    lifecycle.on("GET deploy/7", answer({"status": "failed", "error": "it does not start"}))

    done = logged_in("rollback", "adder")

    assert (done.returncode, done.stdout) == (70, "")
    assert "deployment error: it does not start" in done.stderr


def test_a_server_that_knows_no_rollback_is_called_by_its_name(logged_in, lifecycle, answer):
    lifecycle.on("GET job/adder/latest", answer({"name": "adder", "version": "0.0.2"}))
    lifecycle.on("POST job/adder/0.0.2/rollback", answer({"detail": "Not Found"}, 404))

    done = logged_in("rollback", "adder")

    assert done.returncode == 70
    assert (
        f"error: Lifecycle at {lifecycle.url} does not know POST /api/v1/job/adder/0.0.2/rollback: "
        "it is of another version"
    ) in done.stderr


@pytest.fixture
def pinned(lifecycle, answer):
    lifecycle.on("PUT job/adder/1.0.0/latest", answer(None))
    lifecycle.on("DELETE job/adder/1.0.0/latest", answer(None))
    job = {"version": "1.0.0", "pub_url": "http://pub/job/adder/1.0.0", "is_pinned": True}
    lifecycle.on("GET job/adder/latest", answer(job))


@pytest.mark.usefixtures("pinned")
def test_latest_is_pointed_at_an_earlier_version(logged_in, lifecycle):
    done = logged_in("rollback", "adder", "--to", "1.0.0")

    assert (done.returncode, done.stdout) == (0, "http://pub/job/adder/1.0.0\n"), done.stderr
    assert "adder latest is 1.0.0, until a later version is deployed" in done.stderr
    assert lifecycle.requests_to("/rollback") == []


@pytest.mark.usefixtures("pinned")
def test_latest_is_released(logged_in, lifecycle, answer):
    newest = {"version": "1.1.0", "pub_url": "http://pub/job/adder/1.1.0"}
    lifecycle.on(
        "GET job/adder/latest", answer({"version": "1.0.0", "is_pinned": True}), answer(newest)
    )

    done = logged_in("rollback", "adder", "--to", "newest")

    assert "adder latest is 1.1.0, the highest version" in done.stderr
