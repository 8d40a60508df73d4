import threading

import pytest
from lifecycle.infrastructure.kubernetes.logs_streamer import KubernetesLogsStreamer
from lifecycle.testing.deployer_contract import NAME, VERSION, a_contract_manifest
from racetrack_commons.testing.serving import wait_until

PROPERTIES = {"job_name": NAME, "job_version": VERSION}


@pytest.fixture
def streamer(deployer, monitor):
    return KubernetesLogsStreamer(deployer, monitor)


@pytest.fixture
def follow(streamer):
    """Follows the log of the job; returns the list that the lines come to."""

    def follow(**properties):
        lines = []
        texts = {name: str(value) for name, value in properties.items()}
        streamer.create_session("a", PROPERTIES | texts, lambda _, line: lines.append(line))
        return lines

    yield follow
    streamer.close_session("a")
    wait_until(lambda: not list_threads())


def list_threads():
    return [one for one in threading.enumerate() if one.name.startswith(("log-lines", "logs-"))]


def pods_of(api):
    return sorted((pod["metadata"]["name"] for pod in api.list_of("pods")), key=len)


def write(api, pod, second, text):
    with api.lock:
        api.logs[pod] = api.logs.get(pod, "") + f"2026-01-01T00:00:{second:02}.123456789Z {text}\n"


def test_lines_of_all_replicas_are_followed(follow, serve, make_spec, api):
    serve(make_spec(manifest=a_contract_manifest(replicas=2)))
    one, two = pods_of(api)
    write(api, one, 1, "first")
    write(api, two, 2, "second")
    lines = follow(tail=1)
    wait_until(lambda: lines == ["r1 | second"])

    write(api, one, 3, "third")
    wait_until(lambda: lines[1:] == ["r0 | third"])
    write(api, two, 3, "fourth")
    wait_until(lambda: lines[2:] == ["r1 | fourth"])


def test_lines_of_the_same_second_are_told_once(follow, serve, make_spec, api):
    serve(make_spec())
    (pod,) = pods_of(api)
    api.logs[pod] = "2026-01-01T00:00:01.1Z a\n2026-01-01T00:00:01.2Z b\n"
    lines = follow()
    wait_until(lambda: lines == ["a", "b"])

    api.logs[pod] += "2026-01-01T00:00:01.3Z c\n"
    wait_until(lambda: len(lines) > 2)
    assert lines == ["a", "b", "c"]


def test_a_reader_that_wants_no_earlier_lines_gets_the_new_ones(follow, serve, make_spec, api):
    serve(make_spec())
    (pod,) = pods_of(api)
    write(api, pod, 1, "old")
    lines = follow(since="2026-01-01T00:00:05+00:00")
    wait_until(lambda: [one for one in api.asked if one.question.get("follow")])

    write(api, pod, 6, "new")
    wait_until(lambda: lines == ["new"])


def test_lines_are_followed_across_a_crash(follow, serve, make_spec, api):
    serve(make_spec())
    (pod,) = pods_of(api)
    write(api, pod, 1, "one")
    lines = follow()
    wait_until(lambda: lines == ["one"])

    with api.lock:
        former = api.logs.pop(pod)
        api.logs[f"{pod} previous"] = former + "2026-01-01T00:00:02.5Z last words\n"
        api.logs[pod] = "2026-01-01T00:00:03.5Z again\n"
        (found,) = api.list_of("pods")
        found["status"]["containerStatuses"][0]["restartCount"] = 1

    wait_until(lambda: lines == ["one", "last words", "again"])


def test_a_new_instance_is_followed_when_it_serves(
    follow, serve, make_spec, api, unit_of_work, deployer
):
    serve(make_spec())
    (old,) = pods_of(api)
    write(api, old, 1, "old")
    lines = follow()
    wait_until(lambda: lines == ["old"])

    with unit_of_work() as uow:
        (former,) = uow.instances.list_serving()
        uow.instances.remove(former.id)
    deployer.stop_instance(former.id, 0)
    serve(make_spec())
    (new,) = pods_of(api)
    write(api, new, 2, "new")

    wait_until(lambda: lines == ["old", "new"])


def test_after_the_end_of_a_session_no_line_comes(streamer, follow, serve, make_spec, api):
    serve(make_spec())
    (pod,) = pods_of(api)
    write(api, pod, 1, "one")
    lines = follow()
    wait_until(lambda: lines == ["one"])

    streamer.close_session("a")
    wait_until(lambda: not list_threads())
    write(api, pod, 2, "two")
    assert lines == ["one"]
