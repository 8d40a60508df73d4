"""Logs with the call's tracing id and caller on each line."""

import logging
import random

logger = logging.getLogger("racetrack")


class JobEntrypoint:
    def perform(self) -> float:
        """Draw a number and log it."""
        number = random.random()
        logger.info("drew %s", number)
        logger.debug(
            "called by %s",
            self.request_context.get().headers.get("X-Caller-Name") or "nobody known",
        )
        return number

    def docs_input_example(self) -> dict:
        return {}
