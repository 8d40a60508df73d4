"""What the deployers of the built-in targets have in common."""

from typing import Any

from racetrack_client.client_config.client_config import Credentials
from racetrack_client.log.errors import EntityNotFound
from racetrack_client.manifest import Manifest
from racetrack_commons.entities.dto import JobDto, JobFamilyDto

from lifecycle.config import Config
from lifecycle.database.encryption import SecretBox
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployer.instances import InstanceDeployer
from lifecycle.deployer.secrets import JobSecrets

GRACE_SECONDS = 5
"""What the instances of a deleted job are given to end."""


class BuiltInDeployer(InstanceDeployer):
    """Keeps the secrets of jobs in the database, whatever target they are on; a job is what its instances are."""

    def __init__(self, uow: UnitOfWorkFactory, secrets: SecretBox) -> None:
        self.uow = uow
        self.secrets = secrets

    def deploy_job(  # noqa: PLR0913 - the contract of plugins
        self,
        manifest: Manifest,
        config: Config,
        plugin_engine: Any,
        tag: str,
        runtime_env_vars: dict[str, str],
        family: JobFamilyDto,
        containers_num: int = 1,
        runtime_secret_vars: dict[str, str] | None = None,
    ) -> JobDto:
        """Not offered: this target starts instances side by side."""
        raise NotImplementedError("built-in targets start instances; use start_instance")

    def delete_job(self, job_name: str, job_version: str) -> None:
        """Stop all instances of the job and forget its secrets."""
        for instance in self.list_instances():
            if (instance.job_name, instance.job_version) == (job_name, job_version):
                self.stop_instance(instance.instance_id, GRACE_SECONDS)
        with self.uow() as uow:
            uow.job_secrets.remove(job_name, job_version)

    def job_exists(self, job_name: str, job_version: str) -> bool:
        """Tell whether an instance of the job is known."""
        return any(
            (each.job_name, each.job_version) == (job_name, job_version)
            for each in self.list_instances()
        )

    def save_job_secrets(self, job_name: str, job_version: str, job_secrets: JobSecrets) -> None:
        """Keep the secrets, encrypted."""
        credentials = job_secrets.git_credentials
        content = {
            "git_credentials": credentials.model_dump() if credentials else None,
            "secret_build_env": job_secrets.secret_build_env,
            "secret_runtime_env": job_secrets.secret_runtime_env,
        }
        with self.uow() as uow:
            uow.job_secrets.save(job_name, job_version, self.secrets.encrypt_json(content))

    def get_job_secrets(self, job_name: str, job_version: str) -> JobSecrets:
        """Return the kept secrets."""
        with self.uow.reading() as uow:
            content = uow.job_secrets.find(job_name, job_version)
        if content is None:
            raise EntityNotFound(
                f"no secrets are kept for {job_name} {job_version}; deploy it again with --force"
            )
        kept = self.secrets.decrypt_json(content)
        credentials = kept["git_credentials"]
        return JobSecrets(
            git_credentials=Credentials(**credentials) if credentials else None,
            secret_build_env=kept["secret_build_env"],
            secret_runtime_env=kept["secret_runtime_env"],
        )
