"""What every step of a deployment is given."""

from dataclasses import dataclass
from typing import Protocol

from racetrack_client.manifest import Manifest
from racetrack_client.manifest.validate import parse_manifest
from racetrack_client.utils.datamodel import load_yaml_map
from racetrack_commons.entities.dto import DeploymentDto
from racetrack_commons.redaction import SecretRedactor

from lifecycle.database.encryption import SecretBox
from lifecycle.database.repositories.deployment_tasks import DeploymentTask, TaskStep
from lifecycle.deployment.secrets import DeploymentSecrets
from lifecycle.deployment.work import ClaimedDeployment


@dataclass(frozen=True)
class DeploymentState:
    """All that is known of a deployment when a step begins."""

    task: DeploymentTask
    deployment: DeploymentDto
    manifest: Manifest
    secrets: DeploymentSecrets
    mask: SecretRedactor


class Step(Protocol):
    """One step; it may run again after a crash, so doing it twice must do no harm."""

    def run(self, claimed: ClaimedDeployment, state: DeploymentState) -> TaskStep:
        """Do it, store in one transaction that it is done, and return the next step."""


def load_state(claimed: ClaimedDeployment, secret_box: SecretBox) -> DeploymentState:
    """Read what a step needs."""
    task, deployment = claimed.read()
    secrets = DeploymentSecrets.decrypt(task.secrets, secret_box)
    return DeploymentState(
        task=task,
        deployment=deployment,
        manifest=parse_manifest(load_yaml_map(deployment.manifest_yaml)),
        secrets=secrets,
        mask=secrets.mask(),
    )
