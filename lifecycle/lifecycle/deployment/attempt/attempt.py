"""One attempt to carry a deployment on: the worker's claim, and all that the steps know of the deployment."""

from racetrack_client.manifest.validate import parse_manifest
from racetrack_client.utils.datamodel import load_yaml_map
from racetrack_commons.entities.dto import DeploymentDto, JobDto, JobStatus

from lifecycle.deployment.attempt.claim import Claim
from lifecycle.domain.deployment import DeploymentTask
from lifecycle.domain.instance import InstanceState, JobInstance
from lifecycle.domain.secrets import JobSecrets, SecretBox


class Attempt:
    """Everything that the steps of a deployment work with; only one thread uses it.

    `claim` lets the steps write; the other attributes are the deployment as the database has it.
    Manifest, secrets and deployment are read once. The task changes with each step, and
    `reread_task` reads it again.
    """

    def __init__(
        self,
        claim: Claim,
        task: DeploymentTask,
        deployment: DeploymentDto,
        secrets: JobSecrets,
    ) -> None:
        self.claim = claim
        self.task = task
        self.deployment = deployment
        self.secrets = secrets
        self.manifest = parse_manifest(load_yaml_map(deployment.manifest_yaml))
        self.redactor = secrets.mask()

    @classmethod
    def begin(cls, claim: Claim, secret_box: SecretBox) -> "Attempt":
        """Read the claimed deployment and decrypt its secrets."""
        task, deployment = claim.read()
        return cls(claim, task, deployment, JobSecrets.decrypt(task.secrets, secret_box))

    @property
    def timestamp(self) -> int:
        """The UNIX seconds that the job reports in `/live`; the registry has them as the job's last update."""
        return self.deployment.create_time

    @property
    def target_name(self) -> str:
        """The name of the infrastructure target."""
        return self.deployment.infrastructure_target or ""

    def reread_task(self) -> None:
        """Read the task again, after a step has changed it."""
        self.task = self.claim.read_task()

    def store_warning(self, text: str) -> None:
        """Append a warning to the deployment, without secrets."""
        with self.claim.writing() as uow:
            uow.deployments.append_warnings(
                self.claim.deployment_id, self.redactor.redact(text), self.claim.now()
            )

    def make_instance(self) -> JobInstance:
        """Return the instance of this deployment as it is before it is started."""
        return JobInstance(
            id=self.deployment.id,
            job_name=self.manifest.name,
            job_version=self.manifest.version,
            infrastructure_target=self.target_name,
            state=InstanceState.STARTING,
            image_tag=self.task.image_tag or "",
            create_time=self.claim.now(),
        )

    def make_job(self, status: JobStatus) -> JobDto:
        """Return the job that this deployment leads to."""
        return JobDto(
            name=self.manifest.name,
            version=self.manifest.version,
            status=status,
            create_time=self.timestamp,
            update_time=self.timestamp,
            manifest=self.manifest,
            manifest_yaml=self.deployment.manifest_yaml,
            image_tag=self.task.image_tag,
            deployed_by=self.deployment.deployed_by,
            infrastructure_target=self.deployment.infrastructure_target,
            job_type_version=self.task.job_type_version,
        )
