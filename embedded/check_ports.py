"""Checks that the given loopback ports are free, before the services fail on them one by one."""

import socket
import sys


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def main() -> None:
    """Exit with 1 and a hint when a port is taken."""
    taken = [port for port in sys.argv[1:] if not is_free(int(port))]
    if taken:
        sys.exit(
            f"Port {', '.join(taken)} is taken by another program (perhaps a Racetrack of another checkout). Stop it, or choose"
            " others with DASHBOARD_PORT, IMAGE_BUILDER_PORT, LIFECYCLE_PORT, PUB_PORT and SUPERVISOR_PORT."
        )


if __name__ == "__main__":
    main()
