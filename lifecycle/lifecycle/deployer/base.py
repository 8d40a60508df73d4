"""The port of deployers, as the plugins of infrastructure targets implement it.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from abc import ABC, abstractmethod
from typing import Any

from racetrack_client.manifest import Manifest
from racetrack_commons.entities.dto import JobDto, JobFamilyDto

from lifecycle.config import Config
from lifecycle.domain.secrets import JobSecrets


class JobDeployer(ABC):
    """Runs jobs on one infrastructure target: one instance of each, which it replaces in place.

    Several threads of Lifecycle and of its supervisor call the same deployer, also at the same
    moment for different jobs. For one version of a job, at most one deployment is in progress.
    """

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
        """Run the image `tag` in place of the job's present instance.

        Returns the job, with the addresses at which it will answer.
        Raises any error when the job can't be started; the deployment fails with its text.
        Called when a deployment reaches its second step, with keywords; those that an older plugin
        does not know are left out. It is called again after a crash of the worker.
        Called from the thread of the worker that carries the deployment on.
        """

    @abstractmethod
    def delete_job(self, job_name: str, job_version: str) -> None:
        """Stop the job, and remove everything of it from the target.

        Returns nothing, also when the target does not know the job.
        Raises any error when the target can't be reached; the reaper tries again a minute later.
        Called when the job was deleted or has moved to another target, and after a failed first
        deployment.
        Called from the thread of an endpoint, of the reaper or of a deployment worker.
        """

    @abstractmethod
    def job_exists(self, job_name: str, job_version: str) -> bool:
        """Return whether the target knows the job.

        Raises any error when the target can't be reached.
        Called by tests and tools, when they want to know; Lifecycle itself does not call it.
        Called from any thread.
        """

    @abstractmethod
    def save_job_secrets(self, job_name: str, job_version: str, job_secrets: JobSecrets) -> None:
        """Keep the secrets of a job for later deployments, in place of those kept before.

        Returns nothing.
        Raises NotImplementedError when the target keeps no secrets, which is only logged; any other
        error fails the deployment.
        Called when a deployment provisions: before `deploy_job`, or once an instance side by side
        serves.
        Called from the thread of the worker that carries the deployment on.
        """

    @abstractmethod
    def get_job_secrets(self, job_name: str, job_version: str) -> JobSecrets:
        """Return the kept secrets of a job.

        Raises EntityNotFound when there are none, NotImplementedError when the target keeps none;
        then only jobs without files of secrets can be deployed again.
        Called when a job is to be redeployed, reprovisioned, moved or reconciled.
        Called from the thread of an endpoint, or of the supervisor's task `reconcile`.
        """
