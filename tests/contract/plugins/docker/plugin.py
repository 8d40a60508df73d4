"""The target `docker` as published plugins bring it: containers by the docker command, in place of the built-in target."""

import json

from lifecycle.auth.subject import get_auth_subject_by_job_family
from lifecycle.config import Config
from lifecycle.deployer.base import JobDeployer
from lifecycle.deployer.secrets import JobSecrets
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.job.models_registry import read_job_family_model
from lifecycle.monitor.base import JobMonitor, LogsStreamer
from lifecycle.monitor.health import check_until_job_is_operational, quick_check_job_condition
from lifecycle.monitor.metric_parser import read_last_call_timestamp_metric, scrape_metrics
from racetrack_client.client.env import merge_env_vars
from racetrack_client.client.run import JOB_INTERNAL_PORT
from racetrack_client.log.exception import short_exception_details
from racetrack_client.manifest import Manifest
from racetrack_client.utils.shell import CommandOutputStream, shell, shell_output
from racetrack_client.utils.time import datetime_to_timestamp, now
from racetrack_commons.api.tracing import get_tracing_header_name
from racetrack_commons.deploy.image import get_job_image
from racetrack_commons.deploy.resource import job_resource_name
from racetrack_commons.entities.dto import JobDto, JobFamilyDto, JobStatus
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.engine import PluginEngine

secrets_store: dict[str, JobSecrets] = {}


class Plugin(PluginCore):
    def infrastructure_targets(self):
        # Published plugins import this library without asking for it.
        import kubernetes  # noqa: F401, PLC0415

        return {
            "docker": InfrastructureTarget(
                job_deployer=DockerDeployer(),
                job_monitor=DockerMonitor(),
                logs_streamer=DockerLogsStreamer(),
            )
        }


class DockerDeployer(JobDeployer):
    def deploy_job(
        self,
        manifest: Manifest,
        config: Config,
        plugin_engine: PluginEngine,
        tag: str,
        runtime_env_vars: dict[str, str],
        family: JobFamilyDto,
        containers_num: int = 1,
        runtime_secret_vars: dict[str, str] | None = None,
    ) -> JobDto:
        if self.job_exists(manifest.name, manifest.version):
            self.delete_job(manifest.name, manifest.version)
        timestamp = datetime_to_timestamp(now())
        subject = get_auth_subject_by_job_family(read_job_family_model(family.name))
        variables = merge_env_vars(runtime_env_vars, runtime_secret_vars) | {
            "PUB_URL": config.internal_pub_url,
            "JOB_NAME": manifest.name,
            "AUTH_TOKEN": subject.token,
            "JOB_DEPLOYMENT_TIMESTAMP": timestamp,
            "REQUEST_TRACING_HEADER": get_tracing_header_name(),
        }
        for given in plugin_engine.invoke_plugin_hook(PluginCore.job_runtime_env_vars):
            variables = merge_env_vars(variables, given or {})
        image = get_job_image(
            config.docker_registry, config.docker_registry_namespace, manifest.name, tag, 0
        )
        name = job_resource_name(manifest.name, manifest.version)
        options = " ".join(f'-e {key}="{value}"' for key, value in variables.items())
        shell(
            f'docker run -d --name {name} {options} --network="{config.docker_network}"'
            f" --label job-name={manifest.name} --label job-version={manifest.version} {image}"
        )
        return JobDto(
            name=manifest.name,
            version=manifest.version,
            status=JobStatus.RUNNING.value,
            create_time=timestamp,
            update_time=timestamp,
            manifest=manifest,
            internal_name=f"{name}:{JOB_INTERNAL_PORT}",
            image_tag=tag,
            infrastructure_target="docker",
        )

    def delete_job(self, job_name: str, job_version: str) -> None:
        if self.job_exists(job_name, job_version):
            shell(f"docker rm -f {job_resource_name(job_name, job_version)}")

    def job_exists(self, job_name: str, job_version: str) -> bool:
        name = job_resource_name(job_name, job_version)
        return (
            shell_output(
                f'docker ps -a --filter "name=^/{name}$" --format "{{{{.Names}}}}"'
            ).strip()
            != ""
        )

    def save_job_secrets(self, job_name: str, job_version: str, job_secrets: JobSecrets) -> None:
        secrets_store[job_resource_name(job_name, job_version)] = job_secrets

    def get_job_secrets(self, job_name: str, job_version: str) -> JobSecrets:
        secrets = secrets_store.get(job_resource_name(job_name, job_version))
        if secrets is None:
            raise NotImplementedError("secrets are in memory only")
        return secrets


class DockerMonitor(JobMonitor):
    def list_jobs(self, config: Config):
        labels = (
            '{"name": {{json (.Label "job-name")}}, "version": {{json (.Label "job-version")}}}'
        )
        lines = shell_output(f"docker ps -a --filter name=^/job- --format '{labels}'").splitlines()
        for found in map(json.loads, lines):
            moment = datetime_to_timestamp(now())
            job = JobDto(
                **found,
                status=JobStatus.RUNNING.value,
                create_time=moment,
                update_time=moment,
                internal_name=f"{job_resource_name(**{f'job_{key}': value for key, value in found.items()})}:{JOB_INTERNAL_PORT}",
                infrastructure_target="docker",
            )
            try:
                base_url = f"http://{job.internal_name}"
                quick_check_job_condition(base_url)
                job.last_call_time = read_last_call_timestamp_metric(
                    scrape_metrics(f"{base_url}/metrics")
                )
            except Exception as error:
                job.error = short_exception_details(error)
                job.status = JobStatus.ERROR.value
            yield job

    def check_job_condition(
        self, job, deployment_timestamp=0, on_job_alive=None, logs_on_error=True
    ):
        base_url = f"http://{job.internal_name}"
        try:
            check_until_job_is_operational(base_url, deployment_timestamp, on_job_alive)
        except Exception as error:
            raise RuntimeError(f"{error}\nlast logs:\n{self.read_recent_logs(job)}") from error

    def read_recent_logs(self, job, tail=20) -> str:
        return shell_output(
            f'docker logs "{job_resource_name(job.name, job.version)}" --tail {tail}'
        )


class DockerLogsStreamer(LogsStreamer):
    sessions: dict[str, CommandOutputStream] = {}

    def create_session(self, session_id, resource_properties, on_next_line):
        name = job_resource_name(
            resource_properties["job_name"], resource_properties["job_version"]
        )
        self.sessions[session_id] = CommandOutputStream(
            f'docker logs "{name}" --follow --tail {resource_properties.get("tail", 20)}',
            on_next_line=lambda line: on_next_line(session_id, line),
            on_error=lambda error: on_next_line(
                session_id, f"docker ended with {error.returncode}"
            ),
        )

    def close_session(self, session_id):
        self.sessions.pop(session_id).interrupt()
