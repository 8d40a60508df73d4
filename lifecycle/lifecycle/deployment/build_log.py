"""The log of a running build, written to the database while it grows."""

import threading
from types import TracebackType
from typing import Self

from racetrack_commons.redaction import SecretRedactor

from lifecycle.deployment.work import ClaimedDeployment

_FLUSH_SECONDS = 0.5


class BuildLogWriter:
    """Gathers lines and writes them twice a second, also when no further line arrives."""

    def __init__(self, claimed: ClaimedDeployment, mask: SecretRedactor) -> None:
        self._claimed = claimed
        self._mask = mask
        self._pending: list[str] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="build-log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        error_class: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        if error is None:
            self._raise_error()

    def append(self, text: str) -> None:
        """Add lines; raises what went wrong with writing those before."""
        self._raise_error()
        with self._lock:
            self._pending.append(text if text.endswith("\n") else f"{text}\n")

    def _run(self) -> None:
        is_ended = False
        while not is_ended and self._error is None:
            is_ended = self._ended.wait(_FLUSH_SECONDS)
            try:
                self._flush()
            except Exception as error:  # noqa: BLE001 - raised again in the thread that appends
                self._error = error

    def _flush(self) -> None:
        with self._lock:
            text, self._pending = "".join(self._pending), []
        if text:
            with self._claimed.writing() as uow:
                uow.deployments.append_build_logs(
                    self._claimed.deployment_id, self._mask.redact(text)
                )

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
