"""Secrets of a job."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from racetrack_client.client_config.client_config import Credentials

MASK = "***"
_SHORTEST_SECRET = 3  # A shorter value would tear holes into innocent text.


@dataclass
class JobSecrets:
    """What a job was deployed with and nobody may see."""

    git_credentials: Credentials | None
    secret_build_env: dict[str, str] = field(default_factory=dict)
    secret_runtime_env: dict[str, str] = field(default_factory=dict)

    def mask(self) -> "SecretMask":
        """Return what hides these values in texts."""
        values = [*self.secret_build_env.values(), *self.secret_runtime_env.values()]
        if self.git_credentials:
            values.append(self.git_credentials.password)
        return SecretMask(values)


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
