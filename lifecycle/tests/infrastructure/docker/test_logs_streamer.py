import threading
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from lifecycle.infrastructure.docker.logs_streamer import DockerLogsStreamer
from lifecycle.testing.deployer_contract import a_contract_manifest
from lifecycle.testing.tiny_job import run_docker
from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import wait_until

pytestmark = pytest.mark.docker


@pytest.fixture
def write(ask):
    """Lets a job write a text several times, as it is; standard output is 1, standard error 2."""
    return lambda job, text, times=1, to=1: ask(
        job.internal_name, f"/write?{to}&{quote(text)}&{times}"
    )


@pytest.fixture
def streamer(deployer, monitor, connection):
    return DockerLogsStreamer(deployer, monitor, connection)


def test_the_last_lines_are_read(monitor, serve, make_spec, ask):
    job = serve(make_spec(colour="blue"))
    for word in ("one", "two"):
        ask(job.internal_name, f"/say?{word}")

    assert monitor.read_recent_logs(job) == "serving blue\none\ntwo\n"
    assert monitor.read_recent_logs(job, tail=1) == "two\n"
    assert monitor.read_recent_logs(job, tail=0) == ""


def test_lines_of_replicas_are_read_in_the_order_of_time(monitor, serve, make_spec, ask):
    job = serve(make_spec(manifest=a_contract_manifest(replicas=2)))
    for number, word in ((1, "one"), (0, "two"), (1, "three")):
        ask(job.replica_internal_names[number], f"/say?{word}")

    assert monitor.read_recent_logs(job, 3) == "r1 | one\nr0 | two\nr1 | three\n"


def test_the_log_is_that_of_the_instance_the_job_is_at(monitor, deployer, serve, make_spec):
    job = serve(make_spec(colour="blue"))
    deployer.start_instance(make_spec(colour="red"))

    assert monitor.read_recent_logs(job) == "serving blue\n"


def test_a_job_without_containers_has_no_log(monitor):
    with pytest.raises(EntityNotFound, match="no container of it"):
        monitor.read_recent_logs(a_job())


def test_new_lines_of_all_replicas_are_followed(follow, serve, make_spec, ask):
    job = serve(make_spec(manifest=a_contract_manifest(replicas=2)))
    for address in job.replica_internal_names:
        ask(address, "/say?before")
    lines = follow(tail=2)
    wait_until(lambda: len(lines) == 2)
    assert lines == ["r0 | before", "r1 | before"]

    for number in (1, 0):
        ask(job.replica_internal_names[number], f"/say?after{number}")
        wait_until(lambda number=number: lines[-1] == f"r{number} | after{number}")
    assert len(lines) == 4


def test_lines_are_followed_across_a_restart(follow, serve, make_spec, ask, containers_of):
    spec = make_spec(colour="blue")
    job = serve(spec)
    lines = follow()
    wait_until(lambda: lines == ["serving blue"])

    run_docker("restart", containers_of(spec.instance_id)[0].id)
    wait_until(lambda: lines == ["serving blue"] * 2)
    wait_until(lambda: ask(job.internal_name, "/say?again"))

    wait_until(lambda: lines[-1] == "again")
    assert len(lines) == 3


def test_the_instance_that_replaces_another_is_followed(follow, deployer, serve, make_spec):
    old = make_spec(colour="blue")
    serve(old)
    lines = follow()
    wait_until(lambda: lines == ["serving blue"])

    serve(make_spec(colour="red"))
    deployer.stop_instance(old.instance_id, grace_seconds=5)

    wait_until(lambda: lines == ["serving blue", "serving red"])


def test_a_session_may_begin_before_there_is_a_container(follow, serve, make_spec):
    lines = follow()

    serve(make_spec(colour="blue"))

    wait_until(lambda: lines == ["serving blue"])


def test_long_lines_are_whole_and_count_as_lines(monitor, serve, make_spec, write):
    job = serve(make_spec())
    write(job, "ä", 30_000)
    write(job, "b", 40_000, to=2)
    write(job, " end\n")
    write(job, "\nlast\n", to=2)

    lines = ["b" * 40_000, "ä" * 30_000 + " end", "last"]
    assert sorted(monitor.read_recent_logs(job, 3).splitlines()) == sorted(lines)
    assert monitor.read_recent_logs(job, 1) == "last\n"
    assert monitor.read_recent_logs(job) == "serving None\n" + "".join(
        f"{line}\n" for line in (lines[1], lines[0], lines[2])
    )


def test_only_newlines_end_lines_and_a_bar_is_its_last_frame(monitor, serve, make_spec, write):
    job = serve(make_spec())
    write(job, "a\x85b\u2028c\x0bd\x0ce\n\n")
    write(job, "\r10%\r20%\n", to=2)

    assert monitor.read_recent_logs(job, 3) == "a\x85b\u2028c\x0bd\x0ce\n\n20%\n"


def test_lines_since_a_time_are_read(monitor, serve, make_spec, write):
    job = serve(make_spec(manifest=a_contract_manifest(replicas=2)))
    between = datetime.now(UTC)
    write(job, "long", 10_000)
    write(job, "\nlast\n")

    lines = ["r0 | " + "long" * 10_000, "r0 | last"]
    assert monitor.read_logs_since(job, between, 100).splitlines() == lines
    assert monitor.read_logs_since(job, between, 1).splitlines() == lines[1:]
    assert monitor.read_logs_since(job, datetime.now(UTC), 100) == ""


def test_long_lines_are_followed_whole(follow, serve, make_spec, write):
    job = serve(make_spec(manifest=a_contract_manifest(replicas=2)))
    write(job, "before", 10_000)
    lines = follow(tail=1)
    wait_until(lambda: lines)

    write(job, "after", 10_000)
    write(job, "\n")

    wait_until(lambda: len(lines) == 2)
    assert lines[1] == "r0 | " + "before" * 10_000 + "after" * 10_000


def test_a_reader_without_tail_gets_only_what_is_new(follow, serve, make_spec, ask):
    job = serve(make_spec())
    for word in ("one", "two"):
        ask(job.internal_name, f"/say?{word}")
    lines = follow(tail=0)
    wait_until(lambda: any(thread.name == "log-lines" for thread in threading.enumerate()))

    ask(job.internal_name, "/say?new")

    wait_until(lambda: lines)
    assert lines == ["new"]


def test_a_line_without_end_does_not_grow_together_with_the_next_start(
    monitor, follow, serve, make_spec, write, containers_of
):
    spec = make_spec()
    job = serve(spec)
    lines = follow()
    write(job, "no end")

    run_docker("restart", containers_of(spec.instance_id)[0].id)

    wait_until(lambda: lines == ["serving None", "no end", "serving None"])
    assert monitor.read_recent_logs(job) == "serving None\nno end\nserving None\n"


def test_a_reader_may_begin_with_the_lines_since_a_time(follow, serve, make_spec, ask):
    job = serve(make_spec(colour="blue"))

    lines = follow(since="2100-01-01T00:00:00+00:00")
    wait_until(lambda: ask(job.internal_name, "/say?new") and lines)

    assert set(lines) == {"new"}
