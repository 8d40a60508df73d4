"""The secrets of a deployment: encrypted in its task, and kept by its target for redeployments."""

from pydantic import BaseModel, Field
from racetrack_client.entities import Credentials, DeployPayload
from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest import Manifest
from racetrack_commons.redaction import SecretRedactor

from lifecycle.deployer.base import JobDeployer
from lifecycle.deployer.secrets import JobSecrets
from lifecycle.domain.secrets import SecretBox

logger = get_logger(__name__)


class SecretsLost(ValidationError):
    """The target no longer knows the secrets that a job needs."""


class DeploymentSecrets(BaseModel):
    """The secret values of a job; they must not reach logs or errors."""

    git_credentials: Credentials | None = None
    build_env: dict[str, str] = Field(default_factory=dict)
    runtime_env: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def of_payload(cls, payload: DeployPayload) -> "DeploymentSecrets":
        """Return the secrets that a client sent."""
        secret_vars = payload.get_secret_vars()
        return cls(
            git_credentials=payload.git_credentials,
            build_env=secret_vars.build_env,
            runtime_env=secret_vars.runtime_env,
        )

    def encrypt(self, box: SecretBox) -> bytes:
        """Return the secrets as the database stores them."""
        return box.encrypt_json(self.model_dump(mode="json"))

    @classmethod
    def decrypt(cls, content: bytes | None, box: SecretBox) -> "DeploymentSecrets":
        """Open what `encrypt` made; None, when nothing is stored, means no secrets."""
        return cls.model_validate(box.decrypt_json(content)) if content else cls()

    def mask(self) -> SecretRedactor:
        """Return a redactor that hides these values in texts."""
        values = [*self.build_env.values(), *self.runtime_env.values()]
        if self.git_credentials:
            values.append(self.git_credentials.password)
        return SecretRedactor(values)

    def __repr__(self) -> str:
        return "DeploymentSecrets(***)"

    __str__ = __repr__


def save_job_secrets(
    deployer: JobDeployer, name: str, version: str, secrets: DeploymentSecrets
) -> None:
    """Make the target keep the secrets of a job for redeployments, if it can keep any."""
    with wrap_context("saving job secrets"):
        try:
            deployer.save_job_secrets(
                name,
                version,
                JobSecrets(
                    git_credentials=secrets.git_credentials,
                    secret_build_env=secrets.build_env,
                    secret_runtime_env=secrets.runtime_env,
                ),
            )
        except NotImplementedError:
            logger.warning(f"the target of job {name} {version} keeps no secrets")


def load_job_secrets(deployer: JobDeployer, manifest: Manifest) -> DeploymentSecrets:
    """Return the secrets that the target keeps of a job; no secrets when it keeps none.

    Raises SecretsLost when the target keeps none and the manifest names files of secrets.
    """
    with wrap_context("retrieving job secrets"):
        try:
            kept = deployer.get_job_secrets(manifest.name, manifest.version)
        except EntityNotFound:
            return DeploymentSecrets()
        except NotImplementedError as e:
            # Targets of plugins keep secrets in memory, or not at all.
            if manifest.secret_build_env_file or manifest.secret_runtime_env_file:
                raise SecretsLost(
                    f"the infrastructure target does not know the secrets of job {manifest.name} "
                    f"{manifest.version} (any more): deploy the job again"
                ) from e
            return DeploymentSecrets()
    return DeploymentSecrets(
        git_credentials=kept.git_credentials,
        build_env=kept.secret_build_env,
        runtime_env=kept.secret_runtime_env,
    )
