import socket
import threading

import pytest
from image_builder.testing.builders import ADDER, a_payload
from racetrack_commons.testing.builders import a_manifest_dict
from racetrack_commons.testing.serving import wait_until


@pytest.fixture
def gate(job_types):
    """Holds builds at the check of the manifest until the gate is opened; counts the builds that reached it."""
    gate = threading.Event()
    gate.arrived = 0

    def hold(*_):
        gate.arrived += 1
        assert gate.wait(30)

    job_types.check = hold
    yield gate
    gate.set()


def test_asking_again_joins_the_running_build(gate, in_thread, build):
    first = in_thread(build)
    wait_until(lambda: gate.arrived == 1)
    second = in_thread(build)
    gate.set()

    assert first().text.replace("event: keepalive_heartbeat\n\n", "") == second().text.replace(
        "event: keepalive_heartbeat\n\n", ""
    )
    assert gate.arrived == 1


def test_a_caller_that_leaves_does_not_stop_the_build(gate, client, build):
    body = a_payload().model_dump(mode="json")
    with client.stream("POST", "/api/v1/build/sse", json=body) as response:
        assert next(response.iter_lines()) == "event: phase"
    gate.set()

    assert build().result["image_tag"] == "tag-1"
    assert gate.arrived == 1


def test_the_stream_beats_while_nothing_happens(gate, client):
    body = a_payload().model_dump(mode="json")
    with client.stream("POST", "/api/v1/build/sse", json=body) as response:
        lines = response.iter_lines()
        assert "event: keepalive_heartbeat" in lines
        assert next(lines) == ""
        gate.set()


def test_builds_over_the_limit_wait_and_say_so(gate, in_thread, build):
    running = [in_thread(build, deployment_id=f"running-{number}") for number in range(2)]
    wait_until(lambda: gate.arrived == 2)
    waiting = in_thread(build, deployment_id="waiting", tag="waits")
    gate.set()

    assert waiting().phases[0] == "waiting for other builds (1 before this one)"
    assert [wait().error for wait in running] == [None, None]


def test_a_failed_build_is_tried_again_when_asked(build):
    assert build({}).error is not None
    assert build().error is None


def test_cancelling_ends_the_program_that_the_build_waits_for(client, in_thread, build):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        extra = {"entrypoint_path": "adder.py", "requirements_path": "requirements.txt"}
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        wait = in_thread(
            build,
            files={"adder.py": ADDER, "requirements.txt": "flowers"},
            manifest=a_manifest_dict(jobtype_extra=extra, build_env={"PIP_INDEX_URL": index}),
        )
        connection, _ = silent.accept()
        with connection:
            assert client.delete("/api/v1/build/deployment-1").status_code == 204
            assert wait().error == "building image (1/1): the build was cancelled"
    assert client.delete("/api/v1/build/deployment-1").status_code == 404


def test_cancelling_a_build_that_waits_ends_it_before_it_begins(gate, client, in_thread, build):
    running = [in_thread(build, deployment_id=f"running-{number}") for number in range(2)]
    wait_until(lambda: gate.arrived == 2)
    wait = in_thread(build, deployment_id="waiting")
    wait_until(lambda: client.delete("/api/v1/build/waiting").status_code == 204)
    gate.set()

    assert wait().error == "the build was cancelled"
    assert [each().error for each in running] == [None, None]
    assert gate.arrived == 2


def test_warnings_tell_of_deprecated_keys_and_of_what_a_process_does_not_get(build):
    manifest = a_manifest_dict(system_dependencies=["libgomp1"]) | {
        "jobtype": None,
        "lang": "python3:latest",
    }
    warnings = build(manifest=manifest).warnings

    assert "'lang' is deprecated; use 'jobtype'" in warnings[0]
    assert "libgomp1" in warnings[1]


def test_the_log_of_a_build_is_kept_up_to_a_size(start, build, config):
    build()
    assert "made image adder:tag-1" in (config.build_logs_dir / "deployment-1.log").read_text()

    build({"adder.py": ADDER + "#"}, deployment_id="2", using=start(max_build_log_bytes=10))
    assert "the log is cut here" in (config.build_logs_dir / "2.log").read_text()


def test_a_full_disk_cuts_the_kept_log_and_not_the_build(build, config, caplog):
    config.build_logs_dir.mkdir(exist_ok=True)
    (config.build_logs_dir / "deployment-1.log").symlink_to("/dev/full")

    done = build()

    assert done.error is None
    assert "made image adder:tag-1" in done.log
    assert caplog.text.count("ends early") == 1


def test_the_logs_of_the_newest_builds_are_kept(start, build, config):
    client = start(max_kept_build_logs=2)
    for number in range(3):
        build(deployment_id=f"build-{number}", using=client)

    logs = sorted(path.name for path in config.build_logs_dir.glob("build-*.log"))
    assert logs == ["build-1.log", "build-2.log"]
