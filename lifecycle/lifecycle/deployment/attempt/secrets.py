"""Keeping the secrets of a job with its target, and getting them back for another deployment."""

from racetrack_client.entities import Credentials
from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest import Manifest

from lifecycle.deployer.base import JobDeployer
from lifecycle.domain.secrets import JobSecrets, SecretsBinding

logger = get_logger(__name__)


class SecretsLost(ValidationError):
    """The target no longer knows the secrets that a job needs."""


def save_job_secrets(deployer: JobDeployer, name: str, version: str, secrets: JobSecrets) -> None:
    """Make the target keep the secrets of a job for redeployments, if it can keep any."""
    with wrap_context("saving job secrets"):
        try:
            deployer.save_job_secrets(name, version, secrets)
        except NotImplementedError:
            logger.warning(f"the target of job {name} {version} keeps no secrets")


def load_job_secrets(deployer: JobDeployer, manifest: Manifest) -> JobSecrets:
    """Return the secrets that the target keeps of a job; no secrets when it keeps none.

    Raises SecretsLost when the target keeps none and the manifest names files of secrets.
    """
    with wrap_context("retrieving job secrets"):
        try:
            kept = deployer.get_job_secrets(manifest.name, manifest.version)
        except EntityNotFound:
            return JobSecrets()
        except NotImplementedError as e:
            # Targets of plugins keep secrets in memory, or not at all.
            if manifest.secret_build_env_file or manifest.secret_runtime_env_file:
                raise SecretsLost(
                    f"the infrastructure target does not know the secrets of job {manifest.name} "
                    f"{manifest.version} (any more): deploy the job again"
                ) from e
            return JobSecrets()
    return _copy(kept)


def _copy(kept: JobSecrets) -> JobSecrets:
    """Return the values in objects of ours; a plugin may have kept them in its own."""
    given = kept.git_credentials
    credentials = Credentials(username=given.username, password=given.password) if given else None
    binding: SecretsBinding | None = getattr(kept, "binding", None)
    return JobSecrets(
        credentials, dict(kept.secret_build_env), dict(kept.secret_runtime_env), binding
    )
