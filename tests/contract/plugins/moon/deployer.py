import json
import os
import signal
import socket
import subprocess
import sys

from lifecycle.auth.subject import get_auth_subject_by_job_family
from lifecycle.deployer.base import JobDeployer
from lifecycle.deployer.secrets import JobSecrets
from lifecycle.job.models_registry import read_job_family_model
from racetrack_client.client.env import merge_env_vars
from racetrack_client.client.run import JOB_INTERNAL_PORT
from racetrack_client.log.logs import get_logger
from racetrack_client.utils.time import datetime_to_timestamp, now
from racetrack_commons.api.tracing import get_tracing_header_name
from racetrack_commons.deploy.image import get_job_image
from racetrack_commons.deploy.resource import job_resource_name
from racetrack_commons.entities.dto import JobDto, JobStatus
from racetrack_commons.plugin.core import PluginCore

logger = get_logger(__name__)


class MoonDeployer(JobDeployer):
    """Runs server.py in place of the job's image."""

    def __init__(self, directory, plugin_dir, secrets_store):
        self.directory = directory
        self.plugin_dir = plugin_dir
        self.secrets_store = secrets_store

    # An older signature: without runtime_secret_vars, and without types.
    def deploy_job(
        self, manifest, config, plugin_engine, tag, runtime_env_vars, family, containers_num=1
    ):
        if self.job_exists(manifest.name, manifest.version):
            self.delete_job(manifest.name, manifest.version)
        timestamp = datetime_to_timestamp(now())
        subject = get_auth_subject_by_job_family(read_job_family_model(family.name))
        variables = {
            "PUB_URL": config.internal_pub_url,
            "JOB_NAME": manifest.name,
            "AUTH_TOKEN": subject.token,
            "JOB_DEPLOYMENT_TIMESTAMP": timestamp,
            "REQUEST_TRACING_HEADER": get_tracing_header_name(),
            "CONTAINERS": containers_num,
            "IMAGE": get_job_image(
                config.docker_registry, config.docker_registry_namespace, manifest.name, tag, 0
            ),
        }
        variables = merge_env_vars(runtime_env_vars, variables)
        for given in plugin_engine.invoke_plugin_hook(PluginCore.job_runtime_env_vars):
            variables = merge_env_vars(variables, given or {})
        port = self._start(manifest, variables)
        logger.info(f"job {manifest.name} is on the moon, at {port} for {JOB_INTERNAL_PORT}")
        return JobDto(
            name=manifest.name,
            version=manifest.version,
            status=JobStatus.RUNNING.value,
            create_time=timestamp,
            update_time=timestamp,
            manifest=manifest,
            internal_name=f"127.0.0.1:{port}",
            image_tag=tag,
            infrastructure_target="moon",
        )

    def _start(self, manifest, variables):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        name = job_resource_name(manifest.name, manifest.version)
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-u", self.plugin_dir / "server.py", str(port)],
                env={key: str(value) for key, value in variables.items()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        state = {
            "name": manifest.name,
            "version": manifest.version,
            "port": port,
            "pid": process.pid,
        }
        (self.directory / f"{name}.json").write_text(json.dumps(state))
        return port

    def delete_job(self, job_name: str, job_version: str):
        file = self.directory / f"{job_resource_name(job_name, job_version)}.json"
        os.kill(json.loads(file.read_text())["pid"], signal.SIGKILL)
        file.unlink()

    def job_exists(self, job_name: str, job_version: str) -> bool:
        return (self.directory / f"{job_resource_name(job_name, job_version)}.json").exists()

    def save_job_secrets(self, job_name: str, job_version: str, job_secrets: JobSecrets):
        self.secrets_store[job_resource_name(job_name, job_version)] = job_secrets

    def get_job_secrets(self, job_name: str, job_version: str) -> JobSecrets:
        secrets = self.secrets_store.get(job_resource_name(job_name, job_version))
        if secrets is None:
            raise NotImplementedError("secrets are in memory only")
        return secrets
