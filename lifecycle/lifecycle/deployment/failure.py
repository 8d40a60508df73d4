"""How a deployment says why it failed: cause, evidence, hint."""

from collections.abc import Iterable

MASK = "***"
_SHORTEST_SECRET = 3  # A shorter value would tear holes into innocent text.
_LONGEST_ERROR = 20_000


class DeploymentFailed(Exception):
    """A deployment can't go on; its text is what the user reads."""

    def __init__(self, cause: str, evidence: str = "", hint: str = "") -> None:
        self.cause, self.evidence, self.hint = cause, evidence.strip(), hint
        super().__init__(_join(cause, self.evidence, hint))


class DeploymentInterrupted(Exception):
    """The work on a deployment stops here, and another worker takes it up."""


class SecretMask:
    """Hides the values of secrets in texts that are kept or shown."""

    def __init__(self, values: Iterable[str]) -> None:
        lines = {line.strip() for value in values for line in (value, *value.splitlines())}
        kept = {line for line in lines if len(line) >= _SHORTEST_SECRET}
        self._values = sorted(kept, key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Return the text with each secret value replaced by `***`."""
        for value in self._values:
            text = text.replace(value, MASK)
        return text


def describe_failure(error: BaseException, mask: SecretMask) -> str:
    """Make the error text of a deployment: nothing secret, of bounded length."""
    text = mask.hide(str(error) or type(error).__name__)
    if len(text) > _LONGEST_ERROR:
        text = text[: _LONGEST_ERROR // 2] + "\n[…]\n" + text[-_LONGEST_ERROR // 2 :]
    return text


def _join(cause: str, evidence: str, hint: str) -> str:
    text = cause
    if evidence:
        text += "\nLast log lines:\n" + "\n".join(f"  {line}" for line in evidence.splitlines())
    return f"{text}\nHint: {hint}" if hint else text
