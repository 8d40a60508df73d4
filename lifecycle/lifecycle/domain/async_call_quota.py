"""The quota of async calls: the number and size of those that are kept."""

from dataclasses import dataclass

from racetrack_client.log.errors import TooManyRequests, ValidationError

from lifecycle.domain.stored_amount import KeptCallsUse

_RETRY_SECONDS = 10


class AnswerOverQuota(ValidationError):
    """The answer of a call exceeds what may be kept."""


@dataclass(frozen=True)
class AsyncCallQuota:
    """The most async calls that are kept; a job may have a half of them, and a caller a quarter."""

    calls: int
    size: int

    def check_new(self, use: KeptCallsUse, size: int) -> None:
        """Raise TooManyRequests when there is no room for one more call of that size."""
        if problem := self._find_problem(use, 1, size):
            raise TooManyRequests(
                f"{problem}: fetch their answers, or wait until some have ended", _RETRY_SECONDS
            )

    def check_answer(self, use: KeptCallsUse, size: int) -> None:
        """Raise AnswerOverQuota when there is no room for an answer of that size."""
        if problem := self._find_problem(use, 0, size):
            raise AnswerOverQuota(f"there is no room for {size} bytes, because {problem}")

    def _find_problem(self, use: KeptCallsUse, count: int, size: int) -> str | None:
        shares = (
            ("the caller has", use.of_caller, 4),
            ("the job has", use.of_job, 2),
            ("the platform has", use.of_all, 1),
        )
        for owner, kept, divisor in shares:
            if kept.count + count > max(1, self.calls // divisor):
                return f"{owner} {kept.count} async calls (ASYNC_MAX_CALLS)"
            if size and kept.size_bytes + size > self.size // divisor:
                return f"{owner} async calls of {kept.size_bytes} bytes (ASYNC_MAX_BYTES)"
        return None
