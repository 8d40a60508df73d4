"""Secrets of a job."""

from dataclasses import dataclass, field

from racetrack_client.client_config.client_config import Credentials


@dataclass
class JobSecrets:
    """What a job was deployed with and nobody may see."""

    git_credentials: Credentials | None
    secret_build_env: dict[str, str] = field(default_factory=dict)
    secret_runtime_env: dict[str, str] = field(default_factory=dict)
