import threading

import httpx
import pytest
from lifecycle.infrastructure.answer_watch import AnswerWatch
from lifecycle.infrastructure.process.logs_streamer import ProcessLogsStreamer
from lifecycle.infrastructure.process.monitor import ProcessMonitor
from lifecycle.testing.deployer_contract import NAME, VERSION, a_contract_manifest
from lifecycle.testing.instances import an_instance
from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import wait_until


@pytest.fixture
def monitor(deployer, uses):
    return ProcessMonitor(deployer, uses, AnswerWatch())


@pytest.fixture
def streamer(monitor, unit_of_work):
    return ProcessLogsStreamer(monitor, unit_of_work)


@pytest.fixture
def serve(deployer, unit_of_work):
    """Makes an instance the serving one of its job, as a deployment does."""

    def serve(spec):
        instance = deployer.start_instance(spec)
        for address in instance.replica_internal_names:
            wait_until(lambda address=address: say(address, ""))
        where = {
            "internal_name": instance.internal_name,
            "replica_internal_names": instance.replica_internal_names,
            "infrastructure_target": "process",
        }
        row = an_instance(NAME, VERSION, id=instance.instance_id, **where)
        with unit_of_work() as uow:
            uow.instances.save(row)
            return uow.jobs.save(a_job(NAME, VERSION, **where))

    return serve


def say(address, word):
    """Let a job log a word, if there is one, or ask for a path; tells whether it answers."""
    path = word if word.startswith("/") else f"/say?{word}" if word else "/live"
    try:
        return httpx.get(f"http://{address}{path}", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_the_last_lines_are_read_replica_by_replica(monitor, serve, make_spec):
    job = serve(make_spec("one", manifest=a_contract_manifest(replicas=2)))
    for number, word in ((1, "one"), (0, "two")):
        say(job.replica_internal_names[number], word)

    assert monitor.read_recent_logs(job, 1) == "r0 | two\nr1 | one\n"
    assert monitor.read_recent_logs(job, 0) == ""


def test_a_job_without_processes_has_no_log(monitor):
    with pytest.raises(EntityNotFound, match="no process of it"):
        monitor.read_recent_logs(a_job())


def test_new_lines_of_all_replicas_are_followed(follow, serve, make_spec):
    job = serve(make_spec("one", manifest=a_contract_manifest(replicas=2)))
    for address in job.replica_internal_names:
        say(address, "before")
    lines = follow(tail=1)
    wait_until(lambda: lines == ["r0 | before", "r1 | before"])

    for number in (1, 0):
        say(job.replica_internal_names[number], f"after{number}")
        wait_until(lambda number=number: lines[-1] == f"r{number} | after{number}")
    assert len(lines) == 4


def test_the_instance_that_replaces_another_is_followed_from_its_first_line(
    follow, deployer, serve, make_spec
):
    old = serve(make_spec("one"))
    lines = follow()
    wait_until(lambda: lines == ["serving None"])

    new = serve(make_spec("two"))
    say(old.internal_name, "draining")
    wait_until(lambda: "draining" in lines)
    deployer.stop_instance("one", grace_seconds=5)
    say(new.internal_name, "new")

    wait_until(lambda: lines[-1] == "new")
    assert sorted(lines) == ["draining", "new", "serving None", "serving None"]


def test_a_session_may_begin_before_there_is_a_process(follow, serve, make_spec):
    lines = follow()

    serve(make_spec("one"))

    wait_until(lambda: lines == ["serving None"])


def test_a_progress_bar_is_followed_while_it_grows(follow, serve, make_spec):
    job = serve(make_spec("one"))
    lines = follow()
    wait_until(lambda: lines)

    for percent in (10, 20):
        say(job.internal_name, f"/write?2&%0D{percent}%25&1")
        wait_until(lambda percent=percent: lines[-1] == f"{percent}%\r")
    say(job.internal_name, "/write?1&%0Aready%0A&1")

    wait_until(lambda: lines[-1] == "ready")
    assert lines == ["serving None", "10%\r", "20%\r", "20%", "ready"]


def test_a_reader_without_tail_gets_only_what_is_new(follow, serve, make_spec):
    job = serve(make_spec("one"))
    say(job.internal_name, "old")
    lines = follow(tail=0)
    wait_until(lambda: any(thread.name.startswith("logs-") for thread in threading.enumerate()))

    # The reader may look at the log only after this line.
    wait_until(lambda: say(job.internal_name, "new") and lines)
    assert set(lines) == {"new"}


def test_a_reader_may_begin_with_the_lines_since_a_time(follow, serve, make_spec):
    job = serve(make_spec("one"))
    for word in ("2031-01-01T00:00:00Z+early", "2031-01-01T02:00:00Z+late"):
        say(job.internal_name, word)

    lines = follow(since="2031-01-01T01:00:00+00:00")
    wait_until(lambda: lines)
    say(job.internal_name, "new")

    wait_until(lambda: lines[-1] == "new")
    assert [line.partition("+")[2] for line in lines[:-1]] == ["late"]
