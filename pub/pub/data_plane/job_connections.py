"""The pool of connections to jobs. A connection is proven once: it leads to the same process for its whole life."""

import asyncio
import select
import socket

from racetrack_commons.auth.instance_proof import (
    CHALLENGE_HEADER,
    PROOF_HEADER,
    is_proof,
    make_challenge,
)

from pub.data_plane.job_answers import AnswerJudge, JudgedAnswer
from pub.data_plane.job_connection import JobConnection
from pub.proxy.upstream import (
    AnswerInvalid,
    ConnectionBroken,
    ConnectionRefused,
    ConnectionTimedOut,
    Misdirected,
    ResponseTimedOut,
    UpstreamError,
)

IDLE_SECONDS = 0.75
"""Shorter than the keep-alive of any common server, which is a second and more: no call meets a connection being closed."""
_PROOF_NAME = PROOF_HEADER.lower().encode()
_LONGEST_PROOF_BYTES = 1024 * 1024
_DEFAULT_PORT = 80
_MOST_HOSTS = 4096
_FRESH_SECONDS = 0.02
"""A connection that was used so shortly before is not asked whether the job has closed it."""


class JobConnections:
    """Opens connections to jobs, and keeps those that are idle for a short time."""

    def __init__(
        self,
        judge: AnswerJudge,
        connect_timeout_seconds: float,
        response_timeout_seconds: float | None,
    ) -> None:
        self._judge = judge
        self._connect_timeout_seconds = connect_timeout_seconds
        self._response_timeout_seconds = response_timeout_seconds
        self._idle: dict[tuple[str, str | None], list[JobConnection]] = {}
        self._hosts: dict[str, str] = {}
        """The last address of each host name that was reached, the oldest first."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweep: asyncio.TimerHandle | None = None

    def find_idle(self, address: str, secret: str | None) -> JobConnection | None:
        """Return an idle connection whose other side has proven to know the secret; None when there is none."""
        idle = self._idle.get((address, secret))
        while idle:
            connection = idle.pop()
            if self._is_usable(connection):
                return connection
            connection.abandon()
        return None

    async def open(self, address: str, secret: str | None) -> JobConnection:
        """Return an idle or a new connection; raises UpstreamError when there is none, or when it is not proven."""
        connection = self.find_idle(address, secret)
        if connection is not None:
            return connection
        try:
            async with asyncio.timeout(self._response_timeout_seconds):
                return await self._open_new(address, secret)
        except TimeoutError as error:
            raise ResponseTimedOut from error

    def keep(self, connection: JobConnection) -> None:
        """Keep a connection whose answer is whole."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        connection.idle_since = self._loop.time()
        key = (connection.address, connection.secret)
        idle = self._idle.get(key)
        if idle is None:
            idle = self._idle[key] = []
        idle.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(IDLE_SECONDS, self._close_old)

    def close(self) -> None:
        """Close all idle connections."""
        if self._sweep is not None:
            self._sweep.cancel()
        for idle in self._idle.values():
            for connection in idle:
                connection.abandon()
        self._idle.clear()

    async def _open_new(self, address: str, secret: str | None) -> JobConnection:
        connection = await self._connect(address, secret)
        if secret is not None:
            try:
                await _prove(connection, secret)
            except BaseException:
                connection.abandon()
                raise
        connection.keeper = self
        return connection

    async def _connect(self, address: str, secret: str | None) -> JobConnection:
        host, _, port = address.rpartition(":")
        if not port.isdigit():
            host, port = address, str(_DEFAULT_PORT)
        connection = JobConnection(address, secret, self._judge)
        try:
            async with asyncio.timeout(self._connect_timeout_seconds):
                await self._reach(connection, host.strip("[]"), int(port))
        except TimeoutError as error:
            raise ConnectionTimedOut from error
        except (OSError, ValueError) as error:  # no such name, or none that could be one
            raise ConnectionRefused from error
        return connection

    async def _reach(self, connection: JobConnection, host: str, port: int) -> None:
        """Connect; while no server of names answers, by the last address that the host had.

        A Docker engine that was killed takes the names of containers with it. They run on at their addresses, which
        nothing else can get meanwhile.
        """
        connect = asyncio.get_running_loop().create_connection
        try:
            await connect(lambda: connection, host, port)
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN or host not in self._hosts:
                raise
            await connect(lambda: connection, self._hosts[host], port)
        self._hosts.pop(host, None)
        self._hosts[host] = connection.transport.get_extra_info("peername")[0]
        if len(self._hosts) > _MOST_HOSTS:
            del self._hosts[next(iter(self._hosts))]

    def _is_usable(self, connection: JobConnection) -> bool:
        if connection.transport.is_closing() or self._loop is None:
            return False
        age = self._loop.time() - connection.idle_since
        if age < _FRESH_SECONDS:
            return True
        return age < IDLE_SECONDS and not _has_something_to_read(connection)

    def _close_old(self) -> None:
        self._sweep = None
        for key, idle in list(self._idle.items()):
            before, idle[:] = idle[:], []
            for connection in before:
                if self._is_usable(connection):
                    idle.append(connection)
                else:
                    connection.abandon()
            if not idle:
                del self._idle[key]
        if self._idle and self._loop is not None:
            self._sweep = self._loop.call_later(IDLE_SECONDS, self._close_old)


def _has_something_to_read(connection: JobConnection) -> bool:
    """Return whether the job has closed an idle connection, though the event loop has not told that yet."""
    poll = select.poll()
    poll.register(connection.transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


async def _prove(connection: JobConnection, secret: str) -> None:
    """Let the other side prove that it knows the secret; raises UpstreamError when it does not."""
    challenge, reader = make_challenge(), _ProofReader()
    port = connection.address.rpartition(":")[2]
    head = f"GET /live HTTP/1.1\r\nHost: {connection.address}\r\n{CHALLENGE_HEADER}: {challenge}\r\n\r\n"
    connection.send(reader, head.encode(), is_head=False)
    try:
        answer = await reader.answer
        proof = dict(answer.head.headers).get(_PROOF_NAME, b"").decode("latin-1")
        if not is_proof(proof, secret, challenge, int(port) if port.isdigit() else _DEFAULT_PORT):
            raise Misdirected(is_unsent=True)
        await reader.end
    except AnswerInvalid as error:
        raise Misdirected(is_unsent=True) from error  # It does not even speak HTTP.
    except ConnectionBroken as error:
        raise ConnectionRefused from error
    if answer.is_last:
        raise ConnectionRefused  # The proof would count for no call.


class _ProofReader:
    """Takes the answer with a proof."""

    is_sent = True

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[JudgedAnswer] = loop.create_future()
        self.end: asyncio.Future[None] = loop.create_future()
        self._size = 0

    def take_answer(self, answer: JudgedAnswer, content: bytes, *, is_whole: bool) -> None:
        """Take the head, which holds the proof."""
        if not self.answer.done():
            self.answer.set_result(answer)
        self.take_content(content, is_whole=is_whole)

    def take_content(self, content: bytes, *, is_whole: bool) -> None:
        """Drop what `/live` tells."""
        self._size += len(content)
        if self.end.done():
            return
        if self._size > _LONGEST_PROOF_BYTES:
            self.end.set_exception(AnswerInvalid())
        elif is_whole:
            self.end.set_result(None)

    def take_interim(self, answer: JudgedAnswer) -> None:
        """Go on waiting."""

    def break_off(self, error: UpstreamError) -> None:
        """Fail the proof."""
        for future in (self.answer, self.end):
            if not future.done():
                future.set_exception(error)
                future.exception()  # It may never be awaited.

    def pause_sending(self) -> None:
        """Send nothing; the request is small."""

    def resume_sending(self) -> None:
        """Send nothing."""
