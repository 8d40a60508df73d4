import json

from lifecycle.config import Config
from lifecycle.monitor.base import JobMonitor
from lifecycle.monitor.health import check_until_job_is_operational, quick_check_job_condition
from lifecycle.monitor.metric_parser import read_last_call_timestamp_metric, scrape_metrics
from racetrack_client.log.exception import short_exception_details
from racetrack_client.utils.shell import shell_output
from racetrack_client.utils.time import datetime_to_timestamp, now
from racetrack_commons.deploy.resource import job_resource_name
from racetrack_commons.entities.dto import JobDto, JobStatus


class MoonMonitor(JobMonitor):
    def __init__(self, directory):
        self.directory = directory

    def list_jobs(self, config: Config):
        for file in self.directory.glob("*.json"):
            state = json.loads(file.read_text())
            moment = datetime_to_timestamp(now())
            job = JobDto(
                name=state["name"],
                version=state["version"],
                status=JobStatus.RUNNING.value,
                create_time=moment,
                update_time=moment,
                internal_name=f"127.0.0.1:{state['port']}",
                infrastructure_target="moon",
            )
            try:
                base_url = f"http://{job.internal_name}"
                quick_check_job_condition(base_url)
                metrics = scrape_metrics(f"{base_url}/metrics")
                job.last_call_time = read_last_call_timestamp_metric(metrics)
            except Exception as error:
                job.error = short_exception_details(error)
                job.status = JobStatus.ERROR.value
            yield job

    def check_job_condition(
        self, job, deployment_timestamp=0, on_job_alive=None, logs_on_error=True
    ):
        try:
            check_until_job_is_operational(
                f"http://{job.internal_name}", deployment_timestamp, on_job_alive
            )
        except Exception as error:
            if not logs_on_error:
                raise
            raise RuntimeError(f"{error}\nlast logs:\n{self.read_recent_logs(job)}") from error

    def read_recent_logs(self, job, tail=20) -> str:
        log = self.directory / f"{job_resource_name(job.name, job.version)}.log"
        return shell_output(f'tail -n {tail} "{log}"')
