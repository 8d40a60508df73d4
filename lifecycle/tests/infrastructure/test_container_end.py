import pytest
from lifecycle.infrastructure.container_end import ContainerEnd, describe_end


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
