"""Lifecycle's stream of changes: it invalidates cached decisions, wakes pollers of async calls, and ends cancelled calls."""

import asyncio

import httpx
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import ChangeEvent, ChangeKind
from racetrack_commons.entities.lifecycle_client import LifecycleClient

from pub.async_calls.poll import Completions
from pub.async_calls.runner import AsyncCallRunner
from pub.routing.resolver import RouteResolver

logger = get_logger(__name__)
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 0.5
"""Short, because clients learn of the end of a deployment once the gateways are back."""


class ChangeFollower:
    """Follows the stream of changes, and connects again whenever it breaks."""

    def __init__(
        self,
        lifecycle: LifecycleClient,
        resolver: RouteResolver,
        completions: Completions,
        runner: AsyncCallRunner,
    ) -> None:
        self._lifecycle = lifecycle
        self._resolver = resolver
        self._completions = completions
        self._runner = runner
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._last_problem: str | None = None

    async def follow_changes(self) -> None:
        """Follow the stream until the task is cancelled."""
        while True:
            problem = await self._follow_once()
            if problem != self._last_problem:
                logger.warning(
                    f"Lifecycle's stream of changes is broken, decisions are cached for one second only: {problem}"
                )
                self._last_problem = problem
            await asyncio.sleep(self._pause_seconds)
            self._pause_seconds = min(self._pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    async def _follow_once(self) -> str:
        """Follow one connection to its end; return the reason why it ended."""
        try:
            async for change in self._lifecycle.changes():
                if change is None:
                    self._begin()
                else:
                    self._note(change)
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            hint = ", check LIFECYCLE_AUTH_TOKEN" if status == 401 else ""
            return f"status {status}{hint}"
        except httpx.HTTPError as error:
            return type(error).__name__
        except Exception as error:
            # The loop must survive: without it, revoked callers would keep their access.
            logger.exception("following Lifecycle's changes failed")
            return type(error).__name__
        finally:
            self._resolver.stop_watching()
        return "it ended"

    def _note(self, change: ChangeEvent) -> None:
        if change.kind == ChangeKind.ASYNC_CALL and change.subject:
            self._runner.note_end(change.subject)
            self._completions.announce(change.subject)
        self._resolver.note_change(change)

    def _begin(self) -> None:
        self._resolver.start_watching()
        self._runner.note_missed_ends()
        self._completions.announce_all()
        self._pause_seconds = FIRST_PAUSE_SECONDS
        if self._last_problem is not None:
            logger.info("Lifecycle's stream of changes is connected again")
            self._last_problem = None
