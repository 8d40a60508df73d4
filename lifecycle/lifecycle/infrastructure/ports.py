"""Ports of jobs on this machine."""

import socket
from collections.abc import Iterable, Iterator

from lifecycle.deployer.instances import InstanceNotStarted


def list_free_ports(candidates: Iterable[int], host: str, taken: set[int]) -> Iterator[int]:
    """Yield ports that no job has and no other program listens on, in the order of the candidates."""
    for port in candidates:
        if port not in taken and can_listen(host, port):
            yield port
    raise InstanceNotStarted(
        "no port is free between FIRST_JOB_PORT and LAST_JOB_PORT; delete jobs or widen the range"
    )


def can_listen(host: str, port: int) -> bool:
    """Tell whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
