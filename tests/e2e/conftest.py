"""The journeys run on each shape of the platform that this machine can run."""

from collections.abc import Iterator

import pytest
from stacks.compose import ComposeStack, start_compose_stack
from stacks.stack import Stack


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
