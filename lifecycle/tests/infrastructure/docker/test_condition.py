from datetime import UTC, datetime

from lifecycle.infrastructure.container_end import ContainerEnd
from lifecycle.infrastructure.docker.condition import parse_condition, parse_end


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
