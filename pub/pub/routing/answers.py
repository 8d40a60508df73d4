"""Lifecycle's answers to "may this caller call that endpoint, and where is the job", remembered and forgotten."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from racetrack_commons.entities.dto import ChangeEvent, ChangeKind, JobCallAuthData
from racetrack_commons.entities.lifecycle_client import (
    LifecycleClient,
    LifecycleError,
    LifecycleUnreachable,
)

from pub.config import Config
from pub.metrics import PubMetrics
from pub.routing.path import JobPath

UNWATCHED_TTL_SECONDS = 1.0
REFUSAL_TTL_SECONDS = 1.0
Key = tuple[str, str, str, bytes]


@dataclass
class _Answer:
    data: JobCallAuthData | None
    refusal: LifecycleError | None
    taken_at: float
    is_stale: bool = False
    """Something changed since: ask again before use, unless Lifecycle can't be asked."""


@dataclass
class Answers:
    """Asks Lifecycle once for all who wait for the same answer."""

    lifecycle: LifecycleClient
    config: Config
    metrics: PubMetrics
    is_watched: bool = False
    """Whether changes arrive; without them answers are only good for a moment."""
    _answers: OrderedDict[Key, _Answer] = field(default_factory=OrderedDict)
    _asking: dict[Key, "asyncio.Task[_Answer]"] = field(default_factory=dict)
    _changes_seen: int = 0

    async def get(self, job: JobPath, token: str, headers: dict[str, str]) -> JobCallAuthData:
        """Return who calls and where the job is; LifecycleError refuses, LifecycleUnreachable when nobody knows."""
        key = (job.name, job.version, job.path, hashlib.sha256(token.encode()).digest())
        answer = self._answers.get(key)
        if answer is None or not self._is_fresh(answer):
            answer = await self._ask_once(key, job, token, headers, answer)
        self._answers.move_to_end(key)
        if answer.refusal is not None:
            raise answer.refusal
        if answer.data is None:
            raise LifecycleUnreachable("no answer")
        return answer.data

    def forget(self, change: ChangeEvent) -> None:
        """Make answers stale that a change touches."""
        self._changes_seen += 1
        for key, answer in self._answers.items():
            if change.kind != ChangeKind.JOB or change.subject in (None, key[0]):
                answer.is_stale = True

    def forget_job(self, name: str) -> None:
        """Make all answers about a job stale: it is not where they say."""
        self.forget(ChangeEvent(id=0, kind=ChangeKind.JOB, subject=name))

    def forget_all(self) -> None:
        """Make all answers stale: changes may have been missed."""
        self._changes_seen += 1
        for answer in self._answers.values():
            answer.is_stale = True

    def _is_fresh(self, answer: _Answer) -> bool:
        ttl = self.config.lifecycle_cache_ttl_min if self.is_watched else UNWATCHED_TTL_SECONDS
        if answer.refusal is not None:
            ttl = REFUSAL_TTL_SECONDS
        return not answer.is_stale and time.monotonic() - answer.taken_at < ttl

    async def _ask_once(
        self, key: Key, job: JobPath, token: str, headers: dict[str, str], known: _Answer | None
    ) -> _Answer:
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, job, token, headers, known))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(
        self, key: Key, job: JobPath, token: str, headers: dict[str, str], known: _Answer | None
    ) -> _Answer:
        started, seen = time.monotonic(), self._changes_seen
        self.metrics.count("pub_lifecycle_calls")
        try:
            data = await self.lifecycle.can_call_job(
                job.name, job.version, job.path, token, headers
            )
            # A change that came while Lifecycle was answering may have missed this answer.
            answer = _Answer(data, None, started, is_stale=seen != self._changes_seen)
            self.metrics.count("pub_auth_successful")
            self.metrics.count("pub_lifecycle_call_time", by=time.monotonic() - started)
        except (LifecycleError, LifecycleUnreachable) as error:
            self.metrics.count("pub_auth_failed")
            answer = self._fall_back(error, known, started)
        self._answers[key] = answer
        while len(self._answers) > self.config.cache_size:
            self._answers.popitem(last=False)
        return answer

    def _fall_back(self, error: Exception, known: _Answer | None, now: float) -> _Answer:
        """Use the last answer when Lifecycle is down; its clear refusals count."""
        if isinstance(error, LifecycleError) and error.status in (400, 401, 404, 503):
            return _Answer(None, error, now)
        self.metrics.count("pub_lifecycle_errors")
        if known and known.data and now - known.taken_at < self.config.lifecycle_cache_ttl_max:
            self.metrics.count("pub_lifecycle_cache_recovered_failed_responses")
            return known
        raise error
