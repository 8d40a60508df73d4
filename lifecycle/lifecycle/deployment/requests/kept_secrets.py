"""The secrets that targets keep of deployed jobs, and edits of manifests, which decide what these secrets may be used for."""

from dataclasses import dataclass

from racetrack_client.log.errors import ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest import Manifest
from racetrack_client.manifest.validate import parse_manifest
from racetrack_client.utils.datamodel import load_yaml_map
from racetrack_commons.entities.dto import JobDto

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.core import Core
from lifecycle.deployment.attempt.secrets import load_job_secrets, save_job_secrets
from lifecycle.deployment.requests.bound_secrets import (
    bind_secrets,
    choose_usable_secrets,
    rebind_secrets,
    write_left_out,
)
from lifecycle.domain.secrets import JobSecrets
from lifecycle.job.manifest import edit_manifest

logger = get_logger(__name__)


@dataclass(frozen=True)
class KeptSecrets:
    """Finds the secrets that the target of a job keeps, bound to what they were given for."""

    core: Core

    def load(self, job: JobDto, manifest: Manifest) -> JobSecrets:
        """Return the secrets of a job; raises SecretsLost when the target has forgotten those that the manifest needs."""
        deployer = self.core.infrastructure.get(job.infrastructure_target or "").job_deployer
        if deployer is None:
            return JobSecrets()
        kept = load_job_secrets(deployer, manifest)
        if kept.is_empty or kept.binding is not None:
            return kept
        # An older release, or a plugin, kept no binding: they are good for what runs with them now.
        return bind_secrets(kept, self._read_deployed_manifest(job) or manifest, giver_id=None)

    def save(self, job: JobDto, secrets: JobSecrets) -> None:
        """Make the target keep the secrets of a job, if it can keep any."""
        deployer = self.core.infrastructure.get(job.infrastructure_target or "").job_deployer
        if deployer is not None:
            save_job_secrets(deployer, job.name, job.version, secrets)

    def _read_deployed_manifest(self, job: JobDto) -> Manifest | None:
        with self.core.unit_of_work.reading() as uow:
            serving_id = uow.instances.find_serving_id(job.name, job.version)
            deployment = uow.deployments.find(serving_id) if serving_id else None
        return parse_manifest(load_yaml_map(deployment.manifest_yaml)) if deployment else None


@dataclass(frozen=True)
class ManifestEditor:
    """Replaces manifests of deployed jobs; threads of endpoints call it."""

    core: Core

    def edit(self, job: JobDto, manifest_yaml: str, subject: AuthSubject) -> str:
        """Store a manifest; return why secrets of the job will be left out, empty when they won't.

        The giver of the secrets agrees to their use by the edit; another subject can't.
        Raises as `edit_manifest`.
        """
        kept_secrets = KeptSecrets(self.core)
        kept = self._load(kept_secrets, job)
        with self.core.unit_of_work() as uow:
            now = self.core.clock.now()
            manifest = edit_manifest(uow, job, manifest_yaml, subject.name, now)
            is_giver = kept.binding is not None and kept.binding.giver_id == subject.id is not None
            agreed = rebind_secrets(kept, manifest) if is_giver else kept
            left_out = choose_usable_secrets(agreed, manifest).left_out
            if left_out:
                write_left_out(uow, manifest, subject.name, left_out, now)
        if is_giver:
            kept_secrets.save(job, agreed)
        return left_out

    def _load(self, kept_secrets: KeptSecrets, job: JobDto) -> JobSecrets:
        try:
            return kept_secrets.load(job, parse_manifest(load_yaml_map(job.manifest_yaml or "")))
        except ValidationError as error:
            # The edit may be what mends the job; its next deployment looks at the secrets again.
            logger.warning(f"the secrets of job {job} can't be read: {error}")
            return JobSecrets()
