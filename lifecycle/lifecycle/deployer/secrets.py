"""Secrets of a job."""

from dataclasses import dataclass, field

from racetrack_client.client_config.client_config import Credentials
from racetrack_commons.redaction import SecretRedactor


@dataclass
class JobSecrets:
    """What a job was deployed with and nobody may see."""

    git_credentials: Credentials | None
    secret_build_env: dict[str, str] = field(default_factory=dict)
    secret_runtime_env: dict[str, str] = field(default_factory=dict)

    def mask(self) -> SecretRedactor:
        """Return what hides these values in texts."""
        values = [*self.secret_build_env.values(), *self.secret_runtime_env.values()]
        if self.git_credentials:
            values.append(self.git_credentials.password)
        return SecretRedactor(values)
