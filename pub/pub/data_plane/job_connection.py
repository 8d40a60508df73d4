"""One connection to a job: a request at a time, whose answer goes to a reader as it arrives."""

import asyncio
from typing import Any, Protocol

from racetrack_client.log.logs import get_logger

from pub.data_plane.job_answers import AnswerJudge, JudgedAnswer
from pub.http1.bodies import BodyReader, EndlessBody, SizedBody
from pub.http1.fields import HEAD_END, LONGEST_HEAD_BYTES, BadMessage, check_part_of_head
from pub.proxy.upstream import AnswerInvalid, ConnectionBroken, ConnectionRefused, UpstreamError

logger = get_logger(__name__)


class AnswerReader(Protocol):
    """Takes the answer to one request. No method is called after the last content, or after an error."""

    @property
    def is_sent(self) -> bool:
        """Return whether the job has got the whole request."""

    def take_answer(self, answer: JudgedAnswer, content: bytes, *, is_whole: bool) -> None:
        """Take the head of the answer, and the content that came with it."""

    def take_content(self, content: bytes, *, is_whole: bool) -> None:
        """Take more content."""

    def take_interim(self, answer: JudgedAnswer) -> None:
        """Take a head that precedes the answer."""

    def break_off(self, error: UpstreamError) -> None:
        """Note that the answer will never be whole."""

    def pause_sending(self) -> None:
        """Write no more, because the job does not read."""

    def resume_sending(self) -> None:
        """Go on after `pause_sending`."""


class ConnectionKeeper(Protocol):
    """Keeps connections that can take another request."""

    def keep(self, connection: "JobConnection") -> None:
        """Keep a connection for the next request."""


class JobConnection(asyncio.Protocol):
    """A connection to a job; the judge tells what heads mean."""

    __slots__ = (
        "_answer_body",
        "_is_paused",
        "_is_to_head",
        "_judge",
        "_part",
        "_reader",
        "_will_close",
        "address",
        "idle_since",
        "is_full",
        "keeper",
        "secret",
        "transport",
    )

    def __init__(self, address: str, secret: str | None, judge: AnswerJudge) -> None:
        self.address = address
        self.secret = secret
        """The secret that the other side has proven to know."""
        self.transport: Any = None
        self.idle_since = 0.0
        self.is_full = False
        """True if the job does not read what was sent to it."""
        self.keeper: ConnectionKeeper | None = None
        """The keeper that gets the connection back after each whole answer."""
        self._judge = judge
        self._reader: AnswerReader | None = None
        self._answer_body: BodyReader | None = None
        self._part = b""
        """The beginning of a head whose end has not arrived."""
        self._is_to_head = False
        self._is_paused = False
        self._will_close = False

    def send(self, reader: AnswerReader, request: bytes, *, is_head: bool) -> None:
        """Send the beginning of a request, or all of it; raises ConnectionRefused if the job has closed the connection.

        An answer to HEAD has no body, whatever its head says.
        """
        if self.transport.is_closing():
            raise ConnectionRefused
        self._reader = reader
        self._is_to_head = is_head
        self.transport.write(request)

    def write(self, data: bytes) -> None:
        """Send more of the request."""
        self.transport.write(data)

    def abandon(self) -> None:
        """Close at once, and forget the reader."""
        self._reader = None
        self.transport.abort()

    def pause_reading(self) -> None:
        """Stop the job from sending more of its answer."""
        if not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on after `pause_reading`."""
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()

    def connection_made(self, transport: Any) -> None:
        """Begin, as the event loop tells."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Read what the job sends."""
        reader = self._reader
        if reader is None:
            self.transport.abort()  # An answer that was not asked for could be taken for that to the next request.
            return
        try:
            if self._answer_body is not None:
                self._read_content(reader, self._answer_body, data)
            else:
                self._read_head(reader, data)
        except BadMessage:
            self._give_up(reader)
        except Exception:
            logger.exception(f"the answer of {self.address} was not passed on")
            self._give_up(reader)

    def pause_writing(self) -> None:
        """Pass the job's slowness on, as the event loop tells."""
        self.is_full = True
        if self._reader is not None:
            self._reader.pause_sending()

    def resume_writing(self) -> None:
        """Pass on that the job reads again."""
        self.is_full = False
        if self._reader is not None:
            self._reader.resume_sending()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the answer: some end with their connection, others break off."""
        reader = self._reader
        if reader is None:
            return
        self._reader = None
        if exc is None and isinstance(self._answer_body, EndlessBody):
            reader.take_content(b"", is_whole=True)
        else:
            reader.break_off(ConnectionBroken())

    def _read_head(self, reader: AnswerReader, data: bytes) -> None:
        if self._part:
            data, self._part = self._part + data, b""
        end = data.find(HEAD_END) + len(HEAD_END)
        if end < len(HEAD_END):
            self._keep_part(data)
            return
        raw = data[:end]
        answer = self._judge.find(raw)
        if answer is None:
            answer = self._judge.judge(raw, self.address)
        if answer.is_interim:
            self._pass_interim(reader, answer, data[end:])
            return
        self._will_close = answer.is_last
        size = 0 if self._is_to_head else answer.size
        if size == len(data) - end:
            self._finish(reader, b"")
            reader.take_answer(answer, data[end:], is_whole=True)
            return
        self._begin_body(reader, answer, data[end:])

    def _begin_body(self, reader: AnswerReader, answer: JudgedAnswer, data: bytes) -> None:
        has_body = not self._is_to_head and answer.size != 0
        body = answer.head.make_body() if has_body else SizedBody(0)
        content, rest = body.read(data)
        if body.is_whole:
            self._finish(reader, rest)
        else:
            self._answer_body = body
        reader.take_answer(answer, content, is_whole=body.is_whole)

    def _read_content(self, reader: AnswerReader, body: BodyReader, data: bytes) -> None:
        content, rest = body.read(data)
        if body.is_whole:
            self._finish(reader, rest)
            reader.take_content(content, is_whole=True)
        elif content:
            reader.take_content(content, is_whole=False)

    def _pass_interim(self, reader: AnswerReader, answer: JudgedAnswer, rest: bytes) -> None:
        if answer.head.status == 101:
            raise BadMessage("the job switches protocols unasked")
        reader.take_interim(answer)
        if rest and self._reader is not None:
            self._read_head(reader, rest)

    def _keep_part(self, part: bytes) -> None:
        check_part_of_head(part)
        if len(part) > LONGEST_HEAD_BYTES:
            raise BadMessage("the head of the answer is too long")
        self._part = part

    def _finish(self, reader: AnswerReader, rest: bytes) -> None:
        """Make way for the next request, before the reader learns that the answer is whole."""
        self._reader = None
        self._answer_body = None
        # The rest of a request would be read as another one, and what follows the answer as the next one.
        if self._will_close or rest or not reader.is_sent:
            self.transport.abort()
        elif self.keeper is not None:
            self.resume_reading()
            self.keeper.keep(self)

    def _give_up(self, reader: AnswerReader) -> None:
        self._reader = None
        self.transport.abort()
        reader.break_off(AnswerInvalid())
