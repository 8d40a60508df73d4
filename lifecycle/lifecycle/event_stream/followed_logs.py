"""Followed logs: the lines of a job, from the threads of an infrastructure target to one reader."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable, ValidationError
from racetrack_commons.entities.dto import JobDto

from lifecycle.auth.authenticate import AuthSubject, InvalidToken
from lifecycle.auth.authorize import check_job
from lifecycle.auth.browser_sessions import BrowserSessions, SessionPurpose
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.job.versions import find_job, require_found
from lifecycle.monitor.base import LogsStreamer

KEEP_ALIVE_SECONDS = 15
_MOST_WAITING_LINES = 10_000
_MOST_WAITING_CHARACTERS = 8 * 1024 * 1024


@dataclass(frozen=True)
class EarlierLines:
    """The lines that a reader gets of those that were written before."""

    tail: str | None = None
    """The number of last lines; None leaves it to the target."""
    since: datetime | None = None
    """The time from which on there are lines; None: from whenever they are."""

    def describe(self) -> dict[str, str]:
        """Return the resource properties about them that streamers expect."""
        properties = {} if self.tail is None else {"tail": self.tail}
        if self.since is not None:
            properties["since"] = self.since.astimezone(UTC).isoformat()
        return properties


@dataclass(frozen=True)
class FollowedJobLog:
    """The log of a job, and the streamer that reads it from the infrastructure target."""

    job: JobDto
    streamer: LogsStreamer
    earlier: EarlierLines = EarlierLines()
    look_again: Callable[[], "FollowedJobLog | None"] = lambda: None
    """Returns the log at another target if the job has moved there, else None; raises EntityNotFound if the job is gone."""

    def describe(self) -> dict[str, str]:
        """Return the resource properties that streamers expect."""
        names = {"job_name": self.job.name, "job_version": self.job.version}
        return names | self.earlier.describe()


@dataclass(frozen=True)
class LogSources:
    """Opens the logs that readers ask for."""

    unit_of_work: UnitOfWorkFactory
    infrastructure: InfrastructureRegistry
    sessions: BrowserSessions
    allow_anonymous: bool
    """Readers without a token are accepted, because older clients send none when they follow a log."""

    def open_requested(self, properties: Any, token: str | None) -> FollowedJobLog:
        """Return the log that `{"job_name": …, "job_version": …, "tail": …}` asks for.

        Raises ValidationError, EntityNotFound, ServiceUnavailable, and InvalidToken or NotPermitted.
        """
        if not isinstance(properties, dict) or not properties.get("job_name"):
            raise ValidationError("name the job: resource_properties must have job_name")
        name = str(properties["job_name"])
        version = str(properties.get("job_version") or "latest")
        tail = properties.get("tail")
        if tail is not None and not str(tail).isdecimal():
            raise ValidationError(f"tail must be a number of lines, not {tail!r}")
        job = self._require_readable_job(name, version, token)
        return self.open(job, EarlierLines(None if tail is None else str(tail)))

    def open(self, job: JobDto, earlier: EarlierLines) -> FollowedJobLog:
        """Return the log of a job; raises ServiceUnavailable if its target can't follow logs."""
        streamer = self.infrastructure.get(job.infrastructure_target or "").logs_streamer
        if streamer is None:
            raise ServiceUnavailable(f"the infrastructure target of job {job} can't follow logs")
        return FollowedJobLog(
            job, streamer, earlier, look_again=lambda: self._find_moved(job, earlier.tail)
        )

    def _find_moved(self, job: JobDto, tail: str | None) -> FollowedJobLog | None:
        with self.unit_of_work.reading() as uow:
            now = uow.jobs.get(job.name, job.version)
        has_moved = now.infrastructure_target != job.infrastructure_target
        return self.open(now, EarlierLines(tail)) if has_moved else None

    def _require_readable_job(self, name: str, version: str, token: str | None) -> JobDto:
        subject = self._find_reader(token)
        with self.unit_of_work.reading() as uow:
            job = find_job(uow, name, version)
            if subject is not None:
                check_job(uow, subject, name, job, AuthScope.READ_JOB)
        return require_found(job, name, version)

    def _find_reader(self, token: str | None) -> AuthSubject | None:
        """Return the reader that the token belongs to; None where readers need no token."""
        if token or not self.sessions.authenticator.auth_required:
            return self.sessions.authenticate(token, SessionPurpose.DASHBOARD)
        if self.allow_anonymous:
            return None
        raise InvalidToken(
            "following logs needs a token, which `racetrack` before 3.0 does not send: install a newer one, run"
            " `racetrack logs` without --follow, or have the operator set ALLOW_ANONYMOUS_LOG_FOLLOWING=true"
        )


class WaitingLines:
    """Lines on their way to a reader, in one event loop.

    The oldest lines are left out if the reader is slower than the job, because memory is limited; the reader is told.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._characters = 0
        self._left_out = 0
        self._is_filled = asyncio.Event()

    def put(self, line: str) -> None:
        """Add a line."""
        self._lines.append(line)
        self._characters += len(line)
        while len(self._lines) > 1 and self._is_too_much():
            self._characters -= len(self._lines.popleft())
            self._left_out += 1
        self._is_filled.set()

    async def get(self) -> str:
        """Wait for the next line; before it comes a line that tells how many were left out, if any were."""
        await self._is_filled.wait()
        if self._left_out:
            count, self._left_out = self._left_out, 0
            return f"… {count} lines are left out here, because they were written faster than they could be sent"
        line = self._lines.popleft()
        self._characters -= len(line)
        if not self._lines:
            self._is_filled.clear()
        return line

    def _is_too_much(self) -> bool:
        return len(self._lines) > _MOST_WAITING_LINES or self._characters > _MOST_WAITING_CHARACTERS


async def follow_lines(log: FollowedJobLog, session_id: str) -> AsyncGenerator[str | None]:
    """Yield each line, also after the job moved to another target, and None when no line came for a while.

    Raises EntityNotFound if the job is gone.
    """
    followed: FollowedJobLog | None = log
    while followed is not None:
        moved_to = None
        async with contextlib.aclosing(_follow_on_target(followed, session_id)) as lines:
            async for line in lines:
                yield line
                if line is None:
                    with contextlib.suppress(ServiceUnavailable):
                        moved_to = await asyncio.to_thread(followed.look_again)
                if moved_to is not None:
                    break
        followed = moved_to


async def stream_lines(log: FollowedJobLog) -> AsyncGenerator[str]:
    """Yield each line as a server-sent event, until the reader disconnects or the job is gone."""
    with contextlib.suppress(EntityNotFound):
        async with contextlib.aclosing(follow_lines(log, str(uuid4()))) as lines:
            async for line in lines:
                yield ": alive\n\n" if line is None else f"data: {json.dumps(line)}\n\n"


async def _follow_on_target(log: FollowedJobLog, session_id: str) -> AsyncGenerator[str | None]:
    lines = WaitingLines()
    loop = asyncio.get_running_loop()

    def take(_: str, line: str) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lines.put, line)

    def close(opening: asyncio.Future[None]) -> None:
        if opening.exception() is None:
            log.streamer.close_session(session_id)

    create = log.streamer.create_session
    opening = asyncio.ensure_future(asyncio.to_thread(create, session_id, log.describe(), take))
    try:
        await asyncio.shield(opening)
        while True:
            try:
                yield await asyncio.wait_for(lines.get(), KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield None
    finally:
        if opening.done():
            close(opening)
        else:  # The reader disconnected before the session was open.
            opening.add_done_callback(close)
