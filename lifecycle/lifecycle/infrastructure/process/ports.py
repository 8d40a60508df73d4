"""Ports of process jobs: a row takes one, so that two services never give the same away."""

import socket
from collections.abc import Iterator

from lifecycle.config import Config
from lifecycle.deployer.instances import InstanceNotStarted


def list_free_ports(config: Config, taken: set[int]) -> Iterator[int]:
    """Yield ports that no job has and no other program listens on, lowest first."""
    for port in range(config.first_job_port, config.last_job_port + 1):
        if port not in taken and can_listen(config.job_host, port):
            yield port
    raise InstanceNotStarted(
        f"no port is free between {config.first_job_port} and {config.last_job_port}; delete jobs or widen the range"
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
