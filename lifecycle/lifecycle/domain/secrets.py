"""The secrets of jobs and of their instances, and the box that encrypts what the database stores."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr
from racetrack_client.entities import Credentials, DeployPayload
from racetrack_commons.redaction import SecretRedactor

from lifecycle.domain.instance import JobInstance


class SecretsUnreadable(Exception):
    """The stored bytes were encrypted with another `SECRET_KEY`, or are damaged."""


class SecretBox:
    """Encrypts values with a key derived from `SECRET_KEY`, and decrypts them."""

    def __init__(self, secret_key: SecretStr) -> None:
        self._fernet = Fernet(urlsafe_b64encode(_derive(secret_key, b"racetrack secrets of jobs")))
        self._instance_key = _derive(secret_key, b"racetrack secrets of instances")

    def encrypt(self, content: bytes) -> bytes:
        """Return the content encrypted."""
        return self._fernet.encrypt(content)

    def decrypt(self, content: bytes) -> bytes:
        """Return the content that `encrypt` was given; raises SecretsUnreadable."""
        try:
            return self._fernet.decrypt(content)
        except InvalidToken as e:
            raise SecretsUnreadable(
                "stored secrets can't be decrypted: was SECRET_KEY changed? deploy the job again"
            ) from e

    def derive_instance_secret(self, instance_id: str) -> str:
        """Return the secret that an instance and the services that call it share; it is the same each time."""
        return hmac.new(self._instance_key, instance_id.encode(), hashlib.sha256).hexdigest()

    def make_shown_secret(self, instance: JobInstance) -> str:
        """Return the secret that is shown to an instance, and demanded of it; empty when it does not know it."""
        return self.derive_instance_secret(instance.id) if instance.proves_itself else ""

    def encrypt_json(self, value: Any) -> bytes:
        """Return a value that JSON can express, encrypted."""
        return self.encrypt(json.dumps(value, separators=(",", ":")).encode())

    def decrypt_json(self, content: bytes) -> Any:
        """Return the value that `encrypt_json` was given; raises SecretsUnreadable."""
        return json.loads(self.decrypt(content))


def _derive(secret_key: SecretStr, purpose: bytes) -> bytes:
    derivation = HKDF(SHA256(), length=32, salt=None, info=purpose)
    return derivation.derive(secret_key.get_secret_value().encode())


@dataclass(frozen=True)
class SecretsBinding:
    """The subject who gave secrets, and what they were given for: they are used for nothing else."""

    giver_id: str | None
    """The id of the subject; None for secrets that an older release stored."""
    manifest: dict[str, str]
    """The digests of the manifest's keys that decide where secrets go."""
    git_remote: str = ""
    """The repository that the git credentials are for."""
    source_digest: str | None = None
    """The digest of the source bundle; None for a job that is built from git."""


@dataclass(repr=False)
class JobSecrets:
    """The secret values that a job is deployed with; they must not reach logs or errors."""

    git_credentials: Credentials | None = None
    secret_build_env: dict[str, str] = field(default_factory=dict)
    secret_runtime_env: dict[str, str] = field(default_factory=dict)
    binding: SecretsBinding | None = field(default=None, compare=False)
    """The permitted use of the secrets; None for those that an older release or a plugin kept."""

    @property
    def is_empty(self) -> bool:
        """True if there is no secret at all."""
        return not (self.git_credentials or self.secret_build_env or self.secret_runtime_env)

    @classmethod
    def of_payload(cls, payload: DeployPayload) -> "JobSecrets":
        """Return the secrets that a client sent."""
        secret_vars = payload.get_secret_vars()
        return cls(payload.git_credentials, secret_vars.build_env, secret_vars.runtime_env)

    def encrypt(self, box: SecretBox) -> bytes:
        """Return the secrets as the database stores them, of jobs and of deployments alike."""
        credentials = self.git_credentials.model_dump() if self.git_credentials else None
        binding = asdict(self.binding) if self.binding else None
        return box.encrypt_json({**vars(self), "git_credentials": credentials, "binding": binding})

    @classmethod
    def decrypt(cls, content: bytes | None, box: SecretBox) -> "JobSecrets":
        """Return the secrets that `encrypt` was called on; no content means no secrets. Raises SecretsUnreadable."""
        if not content:
            return cls()
        stored = box.decrypt_json(content)
        credentials = stored["git_credentials"]
        # Deployments of older releases are stored without the prefix.
        prefix = "secret_" if "secret_build_env" in stored else ""
        return cls(
            Credentials(**credentials) if credentials else None,
            stored[f"{prefix}build_env"],
            stored[f"{prefix}runtime_env"],
            SecretsBinding(**stored["binding"]) if stored.get("binding") else None,
        )

    def mask(self) -> SecretRedactor:
        """Return a redactor that hides these values in texts."""
        values = [*self.secret_build_env.values(), *self.secret_runtime_env.values()]
        if self.git_credentials:
            values.append(self.git_credentials.password)
        return SecretRedactor(values)

    def __repr__(self) -> str:
        return "JobSecrets(***)"
