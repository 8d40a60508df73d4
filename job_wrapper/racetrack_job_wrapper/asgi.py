"""The ASGI side of an answer: plain responses, and a sender that knows how far an answer got."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from racetrack_job_wrapper.responses import Response

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[..., Awaitable[None]]
RawHeaders = Iterable[tuple[bytes, bytes]]


class Sender:
    """The `send` of one request, which notes the status and the end of the answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None
        """The status of the answer; None until it begins."""
        self.is_complete = False

    async def __call__(self, message: Message) -> None:
        """Pass a message on to the server."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif is_last(message):
            self.is_complete = True
        await self._send(message)


def is_last(message: Message) -> bool:
    """Return whether an answer ends with this message."""
    return message["type"] == "http.response.body" and not message.get("more_body")


async def send_response(response: Response, send: Send, further_headers: RawHeaders = ()) -> None:
    """Send a response that has no app of its own."""
    headers = [*write_headers(response), *further_headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def write_headers(response: Response) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response as bytes."""
    return [
        (b"content-type", response.content_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
        *(
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in response.headers.items()
        ),
    ]
