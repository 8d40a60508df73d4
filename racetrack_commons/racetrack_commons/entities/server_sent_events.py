"""Reading a stream of server-sent events."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServerSentEvent:
    """One event; heartbeats have no data."""

    kind: str
    data: str


class EventReader:
    """Assembles events from the chunks of a stream.

    Only line feeds end a line: a log may hold other characters at which `str.splitlines` would split.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._kind = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take a chunk of the stream; return the events that it completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        events = (self._read_line(line.removesuffix(b"\r").decode()) for line in lines)
        return [event for event in events if event is not None]

    def _read_line(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._kind = value
        elif name == "data":
            self._data.append(value)
        return None

    def _complete(self) -> ServerSentEvent | None:
        event = ServerSentEvent(self._kind, "\n".join(self._data))
        self._kind, self._data = "", []
        return event if event.kind or event.data else None
