"""Following Lifecycle's changes, so that what is remembered is true within milliseconds."""

import asyncio

import httpx
from racetrack_client.log.logs import get_logger

from pub.routing.answers import Answers

logger = get_logger(__name__)
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


async def watch_changes(answers: Answers) -> None:
    """Follow the stream for ever; while it is broken, answers are good for a second only."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            async for change in answers.lifecycle.changes():
                if change is None:
                    answers.forget_all()
                    answers.is_watched = True
                    pause = FIRST_PAUSE_SECONDS
                else:
                    answers.forget(change)
        except httpx.HTTPError as error:
            logger.debug(f"Lifecycle's stream of changes is broken: {error}")
        answers.is_watched = False
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
