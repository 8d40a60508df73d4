"""The base of the built-in targets' deployers: stored secrets, the variables of jobs, free ports."""

import socket
from collections.abc import Iterable, Iterator

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.api.tracing import get_tracing_header_name

from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployer.instances import InstanceDeployer, InstanceNotStarted
from lifecycle.domain.instance import InstanceSpec
from lifecycle.domain.secrets import JobSecrets, SecretBox

INSTANCE_VARIABLE = "RACETRACK_INSTANCE_ID"
"""Holds the id of the instance that a process or container belongs to."""
SECRET_VARIABLE = "RACETRACK_INSTANCE_SECRET"  # noqa: S105 - the name of the variable
"""Holds the secret that the instance shares with the services of the platform."""
GRACE_SECONDS = 5
"""Seconds that the instances of a deleted job have to end."""


class BuiltInDeployer(InstanceDeployer):
    """Stores the secrets of jobs in the database, and deletes a job by stopping its instances."""

    def __init__(self, uow: UnitOfWorkFactory, secrets: SecretBox) -> None:
        self.uow = uow
        self.secrets = secrets

    def delete_job(self, job_name: str, job_version: str) -> None:
        """Stop all instances of the job and remove its secrets."""
        for instance in self.list_instances():
            if (instance.job_name, instance.job_version) == (job_name, job_version):
                self.stop_instance(instance.instance_id, GRACE_SECONDS)
        with self.uow() as uow:
            uow.job_secrets.remove(job_name, job_version)

    def job_exists(self, job_name: str, job_version: str) -> bool:
        """Return whether the target has an instance of the job."""
        return any(
            (each.job_name, each.job_version) == (job_name, job_version)
            for each in self.list_instances()
        )

    def save_job_secrets(self, job_name: str, job_version: str, job_secrets: JobSecrets) -> None:
        """Store the secrets, encrypted."""
        with self.uow() as uow:
            uow.job_secrets.save(job_name, job_version, job_secrets.encrypt(self.secrets))

    def get_job_secrets(self, job_name: str, job_version: str) -> JobSecrets:
        """Return the stored secrets; raise EntityNotFound when there are none."""
        with self.uow.reading() as uow:
            content = uow.job_secrets.find(job_name, job_version)
        if content is None:
            raise EntityNotFound(
                f"no secrets are kept for {job_name} {job_version}; deploy it again with --force"
            )
        return JobSecrets.decrypt(content, self.secrets)


def make_platform_variables(spec: InstanceSpec, config: Config) -> dict[str, str]:
    """Return the variables that the platform sets for every job."""
    variables = {
        "PUB_URL": config.internal_pub_url,
        "JOB_NAME": spec.manifest.name,
        "JOB_VERSION": spec.manifest.version,
        "AUTH_TOKEN": spec.family_token,
        "JOB_DEPLOYMENT_TIMESTAMP": str(spec.deployment_timestamp),
        INSTANCE_VARIABLE: spec.instance_id,
        "REQUEST_TRACING_HEADER": get_tracing_header_name(),
    }
    if spec.instance_secret:
        variables[SECRET_VARIABLE] = spec.instance_secret
    if config.open_telemetry_enabled:
        variables["OPENTELEMETRY_ENDPOINT"] = config.open_telemetry_endpoint
    return variables


def merge_variables(spec: InstanceSpec, of_platform: dict[str, str]) -> dict[str, str]:
    """Merge the variables of the user, the platform and the plugins; of the same name, the last one wins.

    Raise InstanceNotStarted when the user sets variables that the platform sets itself.
    """
    of_user = {**spec.runtime_env, **spec.secret_runtime_env}
    if clashes := sorted(set(of_user) & set(of_platform)):
        raise InstanceNotStarted(
            f"runtime_env may not set {', '.join(clashes)}: the platform sets them; choose other names"
        )
    return {**of_user, **of_platform, **spec.plugin_env}


def list_free_ports(candidates: Iterable[int], host: str, taken: set[int]) -> Iterator[int]:
    """Yield the candidates that are not `taken` by a job and that no program listens on.

    Raise InstanceNotStarted at the end of the candidates.
    """
    for port in candidates:
        if port not in taken and can_listen(host, port):
            yield port
    raise InstanceNotStarted(
        "no port is free between FIRST_JOB_PORT and LAST_JOB_PORT; delete jobs or widen the range"
    )


def can_listen(host: str, port: int) -> bool:
    """Return whether a server could listen at the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
