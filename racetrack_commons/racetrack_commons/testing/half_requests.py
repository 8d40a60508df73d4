"""Requests that are sent in part: a server that answers one has not waited for the rest."""

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit


def send_head(
    url: str, headers: Mapping[str, str] | None = None, *, length: int, method: str = "POST"
) -> int:
    """Send the head of a request that announces a body of `length` bytes, and none of it; return the status of the answer."""
    parts = urlsplit(url)
    lines = [
        f"{method} {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Content-Length: {length}",
    ]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    with socket.create_connection((parts.hostname or "", parts.port or 80), 10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(connection.recv(64).split()[1])
