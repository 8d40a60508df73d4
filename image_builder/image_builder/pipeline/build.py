"""One build, for those who wait for it."""

import threading
from dataclasses import dataclass, field

from racetrack_client.log.context_error import find_cause
from racetrack_commons.entities.dto import BuildEventKind, BuildResult

from image_builder.running.cancellation import Cancellation
from image_builder.running.command import CommandFailed
from image_builder.running.journal import BuildEvent, BuildJournal


@dataclass
class Build:
    """A build that waits, runs or has ended."""

    deployment_id: str
    journal: BuildJournal = field(default_factory=BuildJournal)
    cancellation: Cancellation = field(default_factory=Cancellation)
    result: BuildResult | None = None
    """Set when it ended; a program that failed is a result, with its text in `error`."""
    error: Exception | None = None
    """Set when it ended otherwise."""
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def has_ended(self) -> bool:
        """Whether the last event is there."""
        return self._ended.is_set()

    @property
    def is_joinable(self) -> bool:
        """Whether asking again means this build: it goes on, or it made its image."""
        return not self.has_ended or (self.result is not None and self.result.error is None)

    def succeed(self, result: BuildResult) -> None:
        """End with images."""
        self._end_with(result)

    def fail(self, error: Exception, text: str) -> None:
        """End without; the text is the error without secrets."""
        if find_cause(error, CommandFailed):
            self._end_with(BuildResult(error=text))
            return
        self.error = error
        self._end({"error": text})

    def wait(self) -> None:
        """Wait until it has ended."""
        self._ended.wait()

    def _end_with(self, result: BuildResult) -> None:
        self.result = result.model_copy(update={"logs": self.journal.read_log()})
        self._end({"result": self.result.model_dump(mode="json")})

    def _end(self, data: dict[str, object]) -> None:
        self.journal.append(BuildEvent(BuildEventKind.RESULT, data))
        self._ended.set()
