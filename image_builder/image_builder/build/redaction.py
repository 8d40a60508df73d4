"""Secrets never show: not in a log, not in an error."""

from collections.abc import Iterable
from urllib.parse import quote

_HIDDEN = "***"
_MIN_LENGTH = 4
"""Hiding a shorter value would hide half of every log and still tell which value it was."""


class Redactor:
    """Replaces the given secrets in texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        lines = {line.strip() for secret in secrets for line in (secret, *secret.splitlines())}
        long_enough = {line for line in lines if len(line) >= _MIN_LENGTH}
        forms = long_enough | {quote(line, safe="") for line in long_enough}
        # Longer first: a secret that begins another must not leave the other's rest.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def redact(self, text: str) -> str:
        """Return the text without secrets."""
        for form in self._forms:
            text = text.replace(form, _HIDDEN)
        return text
