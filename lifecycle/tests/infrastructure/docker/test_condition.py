from datetime import UTC, datetime

import pytest
from lifecycle.infrastructure.docker.condition import (
    ContainerEnd,
    describe_end,
    parse_condition,
    parse_end,
)


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (ContainerEnd(1, False), "ended by itself (exit code 1)"),
        (ContainerEnd(139, False), "ended by itself (exit code 139, SIGSEGV)"),
        (ContainerEnd(137, False), "was killed (exit code 137): by hand, or"),
        (ContainerEnd(137, True), "out of memory: limit 512.0 MiB"),
        (ContainerEnd(127, False, "no such file"), "could not be started: no such file"),
    ],
)
def test_an_end_is_told_in_words(end, text):
    assert text in describe_end(end, 512 * 2**20)


def test_the_end_before_a_restart_is_read_from_events():
    died = {"Action": "die", "Actor": {"Attributes": {"exitCode": "137"}}}

    assert parse_end([{"Action": "oom", "Actor": {}}, died]) == ContainerEnd(137, True)
    assert parse_end([died]) == ContainerEnd(137, False)
    assert parse_end([]) is None


def test_the_engines_times_are_read():
    found = {
        "Id": "x",
        "RestartCount": 0,
        "HostConfig": {"Memory": 1},
        "State": {
            "Status": "running",
            "ExitCode": 0,
            "OOMKilled": False,
            "Error": "",
            "FinishedAt": "0001-01-01T00:00:00Z",
            "StartedAt": "2026-11-24T05:41:43.823918097Z",
        },
    }

    condition = parse_condition(found)

    assert condition.started_at == datetime(2026, 11, 24, 5, 41, 43, 823918, UTC)
    assert condition.finished_at.year == 1
