"""A job on plain sockets, which keeps the bytes of each request and answers with the bytes it is told to."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from typing import Self

OK = b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Received:
    """One request, as the job received it."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        """The first line."""
        return self.head.partition(b"\r\n")[0].decode()

    def values(self, name: str) -> list[str]:
        """Return the values of a header."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(": ") for line in lines)
        return [value for key, _, value in pairs if key.lower() == name.lower()]


class RecordingJob:
    """Serves on a free port within a `with` block."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer = OK
        """The answer to each request; empty to close instead."""
        self.closes = False
        """True to close after each answer."""
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(
                socket.SHUT_RDWR
            )  # Closing alone does not wake a thread that waits.
        self._listener.close()

    def reset(self) -> None:
        """Forget what was received, and answer as at the beginning."""
        self.received.clear()
        self.answer, self.closes = OK, False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with (
            connection,
            connection.makefile("rb") as stream,
            suppress(OSError, ValueError, EOFError),
        ):
            while head := _read_head(stream):
                self.received.append(Received(head, _read_body(stream, head)))
                if not self.answer:
                    return
                connection.sendall(self.answer)
                if self.closes:
                    return


def _read_head(stream: BufferedReader) -> bytes:
    lines = []
    while (line := stream.readline()) not in (b"", b"\r\n"):
        lines.append(line)
    return b"".join(lines).rstrip(b"\r\n") if line else b""


def _read_body(stream: BufferedReader, head: bytes) -> bytes:
    lines = head.lower().split(b"\r\n")
    if b"transfer-encoding: chunked" in lines:
        body = b""
        while size := int(stream.readline(), 16):
            body += stream.read(size + 2)[:-2]
        stream.readline()
        return body
    length = next((line for line in lines if line.startswith(b"content-length:")), b":0")
    size = int(length.partition(b":")[2])
    body = stream.read(size)
    if len(body) < size:
        raise EOFError
    return body
