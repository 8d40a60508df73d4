"""The streams of changes to gateways, and whether the gateways have heard of what a deployment led to."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import GATEWAY_KINDS, DeploymentDto

from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.event_stream.changes import ChangeFeed

KEEP_ALIVE_SECONDS = 15
RETURN_SECONDS = 2.0
"""The time after a start in which gateways connect again; until then they call by routes of before."""
LONGEST_HOLD_SECONDS = 5.0
"""The time after the end of a deployment in which a gateway must read what was sent; it is not waited for longer."""
_LONGEST_MEMORY_SECONDS = 600
"""The time that a gateway uses a route without Lifecycle, `LIFECYCLE_CACHE_TTL_MAX` at PUB."""
_POLL_SECONDS = 0.02


class GatewayStreams:
    """Sends changes to the gateways that are connected to this process, and knows what each was sent."""

    def __init__(self, feed: ChangeFeed, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._feed = feed
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._started_at = clock.now()
        self._sent: dict[object, int] = {}
        """The id of the newest change that was sent, by stream."""

    def start(self) -> None:
        """Note that gateways can connect from now on."""
        self._started_at = self._clock.now()

    async def stream_changes(self) -> AsyncIterator[str]:
        """Yield `hello` with the newest id, then each change; comments between them keep the connection alive."""
        stream = object()
        with self._feed.subscribe() as queue:
            newest = self._feed.newest_id
            self._sent[stream] = -1
            try:
                yield f"event: hello\ndata: {json.dumps({'id': newest})}\n\n"
                # The server goes on here when it has sent what was yielded.
                self._sent[stream] = newest
                while True:
                    try:
                        change = await asyncio.wait_for(queue.get(), KEEP_ALIVE_SECONDS)
                    except TimeoutError:
                        yield ": alive\n\n"
                        continue
                    if change.kind in GATEWAY_KINDS:
                        yield f"event: change\nid: {change.id}\ndata: {change.model_dump_json()}\n\n"
                    self._sent[stream] = change.id
            finally:
                del self._sent[stream]

    def have_heard(self, uow: UnitOfWork, deployment: DeploymentDto) -> bool:
        """Return whether calls go to what a deployment led to that is done: then its caller may be told.

        Until a restarted Lifecycle is found by the gateways, they call the former instance.
        """
        now = self._clock.now()
        age = now.timestamp() - deployment.update_time
        if self._may_be_missing(deployment, age):
            return False
        if age > LONGEST_HOLD_SECONDS:
            return True
        sent = list(self._sent.values())
        return not sent or not uow.changes.has_job_changed_after(min(sent), deployment.job_name)

    async def wait_until_heard(self, deployment: DeploymentDto) -> DeploymentDto:
        """Wait until the gateways have heard of what the deployment led to, and return it."""
        while True:
            if await asyncio.to_thread(self._have_heard, deployment):
                return deployment
            await asyncio.sleep(_POLL_SECONDS)

    def _have_heard(self, deployment: DeploymentDto) -> bool:
        with self._unit_of_work.reading() as uow:
            return self.have_heard(uow, deployment)

    def _may_be_missing(self, deployment: DeploymentDto, age: float) -> bool:
        """Return whether gateways may not have connected again since a start in the middle of the deployment."""
        is_younger = deployment.create_time >= int(self._started_at.timestamp())
        if is_younger or age > _LONGEST_MEMORY_SECONDS:
            return False
        return self._clock.now() < self._started_at + timedelta(seconds=RETURN_SECONDS)
