import json
import shlex

from lifecycle.auth.subject import get_auth_subject_by_job_family
from lifecycle.deployer.base import JobDeployer
from lifecycle.infrastructure.infra_target import remote_shell
from lifecycle.job.models_registry import read_job_family_model
from lifecycle.monitor.base import JobMonitor, LogsStreamer
from lifecycle.monitor.health import check_until_job_is_operational, quick_check_job_condition
from racetrack_client.client.env import merge_env_vars
from racetrack_client.client.run import JOB_INTERNAL_PORT
from racetrack_client.log.exception import short_exception_details
from racetrack_client.utils.shell import CommandError
from racetrack_client.utils.time import datetime_to_timestamp, now
from racetrack_client.utils.url import join_paths
from racetrack_commons.deploy.image import get_job_image
from racetrack_commons.deploy.resource import job_resource_name
from racetrack_commons.entities.dto import JobDto, JobStatus

DOCKER = "/opt/docker"


class RemoteDocker:
    def __init__(self, target, gateway):
        self.target = target
        self.gateway = gateway

    def docker(self, command):
        url, token = self.gateway.remote_gateway_url, self.gateway.remote_gateway_token
        return remote_shell(f"{DOCKER} {command}", url, token)

    def reach(self, name, version):
        """Return the address of a job behind the gateway, and the headers to send there."""
        internal_name = f"{job_resource_name(name, version)}:{JOB_INTERNAL_PORT}"
        url = join_paths(self.gateway.remote_gateway_url, "remote/forward", name, version)
        return url, {
            "X-Racetrack-Gateway-Token": self.gateway.remote_gateway_token,
            "X-Racetrack-Job-Internal-Name": internal_name,
        }

    def describe(self, name, version, moment, **fields):
        return JobDto(
            name=name,
            version=version,
            status=JobStatus.RUNNING.value,
            create_time=moment,
            update_time=moment,
            internal_name=f"{job_resource_name(name, version)}:{JOB_INTERNAL_PORT}",
            infrastructure_target=self.target,
            **fields,
        )


class RemoteDeployer(RemoteDocker, JobDeployer):
    def deploy_job(
        self,
        manifest,
        config,
        plugin_engine,
        tag,
        runtime_env_vars,
        family,
        containers_num=1,
        runtime_secret_vars=None,
    ):
        if self.job_exists(manifest.name, manifest.version):
            self.delete_job(manifest.name, manifest.version)
        try:
            self.docker("network create racetrack_default")
        except CommandError as error:
            if error.returncode != 1:  # It exists already.
                raise
        timestamp = datetime_to_timestamp(now())
        subject = get_auth_subject_by_job_family(read_job_family_model(family.name))
        variables = merge_env_vars(runtime_env_vars, runtime_secret_vars) | {
            "PUB_URL": config.internal_pub_url,
            "JOB_NAME": manifest.name,
            "AUTH_TOKEN": subject.token,
            "JOB_DEPLOYMENT_TIMESTAMP": timestamp,
        }
        options = " ".join(
            f"-e {shlex.quote(f'{key}={value}')}" for key, value in variables.items()
        )
        image = get_job_image(
            config.docker_registry, config.docker_registry_namespace, manifest.name, tag, 0
        )
        name = job_resource_name(manifest.name, manifest.version)
        self.docker(
            f"run -d --name {name} {options} --network=racetrack_default"
            f" --label job-name={manifest.name} --label job-version={manifest.version} {image}"
        )
        # Probes expect the timestamp that the job was given.
        return self.describe(
            manifest.name, manifest.version, timestamp, manifest=manifest, image_tag=tag
        )

    def delete_job(self, job_name, job_version):
        self.docker(f"rm -f {job_resource_name(job_name, job_version)}")

    def job_exists(self, job_name, job_version):
        name = job_resource_name(job_name, job_version)
        return self.docker(f"ps -a --filter name=^/{name}$").strip() != ""

    def save_job_secrets(self, job_name, job_version, job_secrets):
        raise NotImplementedError("managing secrets is not supported on remote docker")

    def get_job_secrets(self, job_name, job_version):
        raise NotImplementedError("managing secrets is not supported on remote docker")


class RemoteMonitor(RemoteDocker, JobMonitor):
    def list_jobs(self, config):
        for line in self.docker("ps -a --filter name=^/job-").splitlines():
            found = json.loads(line)
            moment = datetime_to_timestamp(now())
            job = self.describe(found["name"], found["version"], moment)
            try:
                quick_check_job_condition(*self.reach(job.name, job.version))
            except Exception as error:
                job.error = short_exception_details(error)
                job.status = JobStatus.ERROR.value
            yield job

    def check_job_condition(
        self, job, deployment_timestamp=0, on_job_alive=None, logs_on_error=True
    ):
        url, headers = self.reach(job.name, job.version)
        check_until_job_is_operational(url, deployment_timestamp, on_job_alive, headers)

    def read_recent_logs(self, job, tail=20):
        return self.docker(f"logs {job_resource_name(job.name, job.version)} --tail {tail}")


class RemoteLogsStreamer(LogsStreamer):
    def create_session(self, session_id, resource_properties, on_next_line):
        raise NotImplementedError

    def close_session(self, session_id):
        raise NotImplementedError
