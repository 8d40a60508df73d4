"""How a build tells what it does."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from racetrack_client.log.context_error import wrap_context
from racetrack_commons.entities.dto import BuildEventKind
from racetrack_commons.redaction import SecretRedactor

from image_builder.running.cancellation import Cancellation
from image_builder.running.command import Command, run_command
from image_builder.running.journal import BuildEvent, BuildJournal
from image_builder.running.log_file import BuildLogFile


class BuildProgress:
    """Takes the phases, log lines and warnings of one build; secrets stay out of all of them."""

    def __init__(
        self,
        journal: BuildJournal,
        log_file: BuildLogFile,
        redactor: SecretRedactor,
        cancellation: Cancellation,
        on_phase_done: Callable[[str, float], None],
    ) -> None:
        self._journal = journal
        self._log_file = log_file
        self._redactor = redactor
        self._on_phase_done = on_phase_done
        self.cancellation = cancellation

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Name what happens inside the block; its errors begin with the name."""
        self.cancellation.check()
        self._journal.append(BuildEvent(BuildEventKind.PHASE, name))
        start = time.monotonic()
        with wrap_context(name):
            yield
        self._on_phase_done(name, time.monotonic() - start)

    def redact(self, text: str) -> str:
        """Return the text without the secrets of the build."""
        return self._redactor.redact(text)

    def log(self, line: str) -> str:
        """Add a line to the build's log; returns it without secrets."""
        line = self._redactor.redact(line)
        if self._log_file.write(line):
            self._journal.append(BuildEvent(BuildEventKind.LOG, line))
        return line

    def warn(self, text: str) -> None:
        """Add a warning: the build goes on, but its author should know."""
        text = self._redactor.redact(text)
        self.log(f"warning: {text}")
        self._journal.append(BuildEvent(BuildEventKind.WARNING, text))

    def collect(self, command: Command, lines: list[str]) -> None:
        """Run a program; its lines go to the list instead of the log."""

        def keep(line: str) -> str:
            lines.append(line)
            return self.redact(line)

        run_command(command, keep, self.cancellation)

    def run(self, command: Command) -> None:
        """Run a program; its lines go to the log."""
        run_command(command, self.log, self.cancellation)
