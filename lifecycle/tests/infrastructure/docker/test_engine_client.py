from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lifecycle.infrastructure.docker.engine_client import DockerEngine
from lifecycle.infrastructure.docker.engine_connection import EngineConnection, EngineRefusal
from racetrack_commons.testing.clock import FakeClock


class RefusingConnection(EngineConnection):
    """An engine that refuses the first updates with the given words; it keeps the policies that it accepted."""

    def __init__(self, refusals: int, words: str) -> None:
        super().__init__("unix:///unused")
        self.refusals = refusals
        self.words = words
        self.policies: list[str] = []

    @contextmanager
    def calling(self, *tolerated: int) -> Iterator["RefusingConnection"]:  # type: ignore[override]
        yield self

    def update_container(self, container_id: str, restart_policy: dict[str, str]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise EngineRefusal(500, self.words)
        self.policies.append(restart_policy["Name"])


def test_a_container_whose_end_the_engine_has_not_noticed_yet_is_let_end() -> None:
    connection = RefusingConnection(
        3, "Cannot update container 1: cannot update a stopped container"
    )

    DockerEngine(connection, FakeClock(), wait_seconds=0).let_end("1")

    assert connection.policies == ["no"]


@pytest.mark.parametrize(
    "words", ["cannot update a stopped container: unknown", "no space left on device"]
)
def test_an_engine_that_goes_on_refusing_is_an_error(words: str) -> None:
    connection = RefusingConnection(10_000, words)

    with pytest.raises(EngineRefusal, match=words):
        DockerEngine(connection, FakeClock(), wait_seconds=0).keep_running("1")

    assert connection.policies == []
