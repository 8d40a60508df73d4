"""Asking Lifecycle whether a caller may call an endpoint, and where the job is."""

import asyncio

from racetrack_commons.clock import Clock
from racetrack_commons.entities.lifecycle_client import (
    LifecycleClient,
    LifecycleError,
    LifecycleUnreachable,
)

from pub.metrics import PubMetrics
from pub.routing.cache import Answer, Epoch, Epochs
from pub.routing.route import Key, Question, Route

_MAINTENANCE = ("", "UnderMaintenance")


class Questioner:
    """Asks once for all who wait for the same answer."""

    def __init__(
        self, lifecycle: LifecycleClient, epochs: Epochs, clock: Clock, metrics: PubMetrics
    ) -> None:
        self._lifecycle = lifecycle
        self._epochs = epochs
        self._clock = clock
        self._metrics = metrics
        self._asking: dict[Key, tuple[Epoch, asyncio.Task[Answer]]] = {}

    def ask(self, question: Question) -> "asyncio.Task[Answer]":
        """Begin to ask, or join those who wait; LifecycleUnreachable when there is no answer."""
        key, epoch = question.key, self._epochs.of(question.job.name)
        # An answer that was on its way when something changed may be wrong already.
        if (asking := self._asking.get(key)) and asking[0] == epoch:
            return asking[1]
        task = asyncio.create_task(self._ask(question, epoch))
        self._asking[key] = (epoch, task)
        task.add_done_callback(lambda done: self._forget(key, done))
        return task

    async def close(self) -> None:
        """Give up all questions."""
        tasks = [task for _, task in self._asking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: Key, done: "asyncio.Task[Answer]") -> None:
        if (asking := self._asking.get(key)) and asking[1] is done:
            del self._asking[key]
        if not done.cancelled():
            # Those who waited may have left; without this line Python would complain then.
            done.exception()

    async def _ask(self, question: Question, epoch: Epoch) -> Answer:
        started = self._clock.monotonic()
        self._metrics.count("pub_lifecycle_calls")
        try:
            route = await self._find_route(question)
        except LifecycleError as refusal:
            self._metrics.count("pub_auth_failed")
            if refusal.status != 404:
                self._metrics.count("pub_lifecycle_errors")
            if _is_fault(refusal):
                raise LifecycleUnreachable(
                    f"Lifecycle answered {refusal.status}: {refusal}"
                ) from refusal
            return Answer(refusal, started, epoch)
        except LifecycleUnreachable:
            self._metrics.count("pub_auth_failed")
            self._metrics.count("pub_lifecycle_errors")
            raise
        self._metrics.count("pub_auth_successful")
        self._metrics.count("pub_lifecycle_call_time", self._clock.monotonic() - started)
        return Answer(route, started, epoch)

    async def _find_route(self, question: Question) -> Route:
        job = question.job
        answer = await self._lifecycle.can_call_job(
            job.name, job.version, job.path, question.token, question.headers
        )
        return Route.read(answer)


def _is_fault(refusal: LifecycleError) -> bool:
    """Tell an outage from a decision: in maintenance mode nobody may call, with a locked database those may who could."""
    is_maintenance = refusal.status == 503 and refusal.type in _MAINTENANCE
    return refusal.status >= 500 and not is_maintenance
