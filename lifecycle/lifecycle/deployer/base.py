"""The port of deployers, as the plugins of infrastructure targets implement it."""

from abc import ABC, abstractmethod
from typing import Any

from racetrack_client.manifest import Manifest
from racetrack_commons.entities.dto import JobDto, JobFamilyDto

from lifecycle.config import Config
from lifecycle.deployer.secrets import JobSecrets


class JobDeployer(ABC):
    """Runs jobs on one infrastructure target."""

    @abstractmethod
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
        """Run the image `tag` in place of whatever runs of this job; called with keywords, of which unknown ones are dropped."""

    @abstractmethod
    def delete_job(self, job_name: str, job_version: str) -> None:
        """Stop the job and remove everything of it."""

    @abstractmethod
    def job_exists(self, job_name: str, job_version: str) -> bool:
        """Tell whether the target knows the job."""

    @abstractmethod
    def save_job_secrets(self, job_name: str, job_version: str, job_secrets: JobSecrets) -> None:
        """Keep the secrets of a job for later deployments; NotImplementedError is tolerated."""

    @abstractmethod
    def get_job_secrets(self, job_name: str, job_version: str) -> JobSecrets:
        """Return the kept secrets; EntityNotFound when there are none."""
