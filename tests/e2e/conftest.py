"""The journeys run on each shape of the platform that this machine can run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks.compose import ComposeStack, start_compose_stack
from stacks.stack import Stack

IMAGES_SECONDS = 600
"""The time of a test that may be the first one on Docker, before which the images of all services are built."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        is_on_docker = (
            item.get_closest_marker("docker") and Path(__file__).parent in item.path.parents
        )
        if is_on_docker and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(IMAGES_SECONDS))


@pytest.fixture(scope="session")
def compose_stack() -> Iterator[ComposeStack]:
    stack = start_compose_stack()
    yield stack
    stack.stop()


@pytest.fixture(
    scope="session",
    params=["embedded_stack", pytest.param("compose_stack", marks=pytest.mark.docker)],
)
def stack(request: pytest.FixtureRequest) -> Stack:
    stack: Stack = request.getfixturevalue(request.param)
    return stack
