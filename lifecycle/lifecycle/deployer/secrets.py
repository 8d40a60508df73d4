"""The secrets of a job, as deployers keep them.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from dataclasses import dataclass, field

from racetrack_client.entities import Credentials
from racetrack_commons.redaction import SecretRedactor


@dataclass
class JobSecrets:
    """The secret values that a job was deployed with."""

    git_credentials: Credentials | None
    secret_build_env: dict[str, str] = field(default_factory=dict)
    secret_runtime_env: dict[str, str] = field(default_factory=dict)

    def mask(self) -> SecretRedactor:
        """Return a redactor that hides these values in texts."""
        values = [*self.secret_build_env.values(), *self.secret_runtime_env.values()]
        if self.git_credentials:
            values.append(self.git_credentials.password)
        return SecretRedactor(values)
