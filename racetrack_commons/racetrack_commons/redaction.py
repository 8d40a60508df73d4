"""Hiding the values of secrets in every text that is logged, stored or shown: `***` stands in their place."""

from collections.abc import Iterable
from urllib.parse import quote

_HIDDEN = "***"
_SHORTEST_SECRET = 3
"""Shorter values are not hidden: they occur within ordinary words, and the gaps there would reveal the value."""


class SecretRedactor:
    """Replaces the given secrets in texts: whole, line by line, and as they are quoted in URLs."""

    def __init__(self, secrets: Iterable[str]) -> None:
        lines = {line.strip() for secret in secrets for line in (secret, *secret.splitlines())}
        long_enough = {line for line in lines if len(line) >= _SHORTEST_SECRET}
        forms = long_enough | {quote(line, safe="") for line in long_enough}
        # Longer forms are replaced first: when one secret begins with another, no part of the longer one may remain.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def redact(self, text: str) -> str:
        """Return the text with `***` in place of each secret."""
        for form in self._forms:
            text = text.replace(form, _HIDDEN)
        return text
