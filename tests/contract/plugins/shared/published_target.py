"""The common parts of the targets of these plugins. Each plugin links to this file, so that its package has a copy."""

from contextlib import contextmanager

from lifecycle.auth.subject import get_auth_subject_by_job_family
from lifecycle.job.models_registry import read_job_family_model
from racetrack_client.log.exception import short_exception_details
from racetrack_commons.entities.dto import JobDto, JobStatus


def make_variables(config, manifest, family, timestamp):
    """Make the variables that a job gets from its target."""
    subject = get_auth_subject_by_job_family(read_job_family_model(family.name))
    return {
        "PUB_URL": config.internal_pub_url,
        "JOB_NAME": manifest.name,
        "AUTH_TOKEN": subject.token,
        "JOB_DEPLOYMENT_TIMESTAMP": timestamp,
    }


def describe_job(target, name, version, internal_name, moment, **values):
    return JobDto(
        name=name,
        version=version,
        status=JobStatus.RUNNING.value,
        create_time=moment,
        update_time=moment,
        internal_name=internal_name,
        infrastructure_target=target,
        **values,
    )


@contextmanager
def telling_errors(job):
    """Let a job tell the error that checking it raised."""
    try:
        yield
    except Exception as error:
        job.error = short_exception_details(error)
        job.status = JobStatus.ERROR.value
