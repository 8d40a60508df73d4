"""The log of a container as the engine sends it: entries of standard output and standard error."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import docker
import requests
from docker.errors import create_api_error_from_http_exception
from docker.types.daemon import CancellableStream

_PIECE_BYTES = 16 * 1024
_HEADER = struct.Struct(">BxxxL")


@dataclass(frozen=True)
class LogEntry:
    """A line of one stream of output, or a piece of a long line, with its time in front."""

    source: int
    """1 for standard output, 2 for standard error."""
    content: bytes

    @property
    def is_full(self) -> bool:
        """Return whether the engine cut the line here, and its next piece follows."""
        return len(self.content) > _PIECE_BYTES

    def split(self) -> tuple[str, bytes]:
        """Return the time, as a text, and what was written."""
        time, _, text = self.content.partition(b" ")
        return time.decode(errors="replace"), text


class EngineLog:
    """The entries of a log while they arrive; the SDK's own stream does not tell standard output from standard error."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self._stream = CancellableStream(_read_entries(response.raw), response)

    @classmethod
    def open(cls, client: docker.APIClient, container_id: str, **question: Any) -> Self:
        """Ask for a container's log; the question is that of the engine's API, such as `tail` and `follow`."""
        response = client.get(
            f"{client.base_url}/v{client.api_version}/containers/{container_id}/logs",
            params={"stdout": 1, "stderr": 1, "timestamps": 1, **question},
            stream=True,
            timeout=None,
        )
        try:
            response.raise_for_status()
        except requests.HTTPError as error:
            create_api_error_from_http_exception(error)
        return cls(response)

    def __iter__(self) -> Iterator[LogEntry]:
        return iter(self._stream)

    def interrupt(self) -> None:
        """End the entries, also from another thread."""
        with suppress(AttributeError, OSError):  # The SDK fails at a stream that has just ended.
            self._stream.close()

    def close(self) -> None:
        """Close the connection; to be called by the thread that reads."""
        self._response.close()


def _read_entries(raw: Any) -> Iterator[LogEntry]:
    while header := raw.read(_HEADER.size):
        source, length = _HEADER.unpack(header)
        yield LogEntry(source, raw.read(length))
