"""Lifecycle's answers to "may this caller call that endpoint, and where is the job", remembered and forgotten."""

import asyncio

from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import ChangeEvent, ChangeKind
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable

from pub.config import Config
from pub.metrics import PubMetrics
from pub.routing.cache import Answer, Epochs, Memory, Outage
from pub.routing.fetcher import Questioner
from pub.routing.route import Question, Route

UNWATCHED_TTL_SECONDS = 1.0
REFUSAL_TTL_SECONDS = 1.0
PATIENCE_SECONDS = 1.0
DOUBT_SECONDS = 0.05


class Answers:
    """Knows who may call what; asks Lifecycle when it does not."""

    def __init__(
        self,
        questioner: Questioner,
        epochs: Epochs,
        config: Config,
        clock: Clock,
        metrics: PubMetrics,
    ) -> None:
        self._questioner = questioner
        self._epochs = epochs
        self._config = config
        self._clock = clock
        self._metrics = metrics
        self._memory = Memory(config.cache_size)
        self._outage = Outage(clock)
        self._is_watched = False
        self._doubted_at: dict[str, float] = {}
        self.has_met_lifecycle = False
        """Whether Lifecycle ever answered."""

    @property
    def is_lifecycle_away(self) -> bool:
        """Whether answers may be out of date, because Lifecycle can't be asked."""
        return self._outage.has_begun

    @property
    def is_watched(self) -> bool:
        """Whether changes arrive."""
        return self._is_watched

    async def get(self, question: Question) -> Route:
        """Return where the job is; LifecycleError refuses, LifecycleUnreachable when nobody knows."""
        known = self._memory.find(question.key)
        if known is not None and self._is_fresh(known, question.job.name):
            self._metrics.count("pub_lifecycle_cache_retrieved_responses")
            answer = known
        else:
            answer = await self._ask(question, known)
        if isinstance(answer.result, LifecycleError):
            # A new one: raising adds a traceback to an exception, and this one is raised often.
            raise LifecycleError(answer.result.status, answer.result.error, answer.result.type)
        return answer.result

    def start_watching(self) -> None:
        """Changes arrive from now on; what came before may have been missed."""
        self.has_met_lifecycle = True
        self._is_watched = True
        self._epochs.advance_all()
        self._outage.end()

    def stop_watching(self) -> None:
        """Changes arrive no more: answers are good for a moment only."""
        self._is_watched = False

    def note_change(self, change: ChangeEvent) -> None:
        """Ask again about what a change touches, before the next use."""
        self._outage.end()
        if change.kind == ChangeKind.ASYNC_CALL:
            return
        if change.kind == ChangeKind.JOB and change.subject:
            self._epochs.advance(change.subject)
        else:
            self._epochs.advance_all()

    def doubt(self, family: str) -> None:
        """Ask again about a job that is not where the answers say; once for all who find out at the same time."""
        now = self._clock.monotonic()
        if now - self._doubted_at.get(family, -DOUBT_SECONDS) >= DOUBT_SECONDS:
            self._doubted_at[family] = now
            self._epochs.advance(family)

    def _is_fresh(self, answer: Answer, family: str) -> bool:
        if answer.epoch != self._epochs.of(family):
            return False
        ttl = self._config.lifecycle_cache_ttl_min if self._is_watched else UNWATCHED_TTL_SECONDS
        ttl = min(ttl, REFUSAL_TTL_SECONDS) if answer.is_refusal else ttl
        return self._clock.monotonic() - answer.asked_at < ttl

    async def _ask(self, question: Question, known: Answer | None) -> Answer:
        fallback = known if known is not None and self._is_usable(known) else None
        if fallback is not None and self._outage.is_on:
            return self._recover(fallback)
        try:
            async with asyncio.timeout(self._patience(question, fallback)):
                answer = await asyncio.shield(self._questioner.ask(question))
        except (LifecycleUnreachable, TimeoutError) as error:
            self._outage.begin()
            if fallback is None:
                raise LifecycleUnreachable(str(error)) from error
            return self._recover(fallback)
        self.has_met_lifecycle = True
        self._outage.end()
        self._memory.keep(question.key, answer)
        return answer

    def _is_usable(self, answer: Answer) -> bool:
        """Tell whether an old answer may stand in while Lifecycle is away."""
        age = self._clock.monotonic() - answer.asked_at
        return not answer.is_refusal and age < self._config.lifecycle_cache_ttl_max

    def _patience(self, question: Question, fallback: Answer | None) -> float:
        """Say how long to wait: a known change is worth more than a passed time."""
        is_changed = fallback is None or fallback.epoch != self._epochs.of(question.job.name)
        return self._config.lifecycle_timeout_seconds if is_changed else PATIENCE_SECONDS

    def _recover(self, fallback: Answer) -> Answer:
        self._metrics.count("pub_lifecycle_cache_recovered_failed_responses")
        return fallback
