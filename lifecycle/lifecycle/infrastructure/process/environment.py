"""Variables that a process job runs with."""

import os

from racetrack_commons.api.tracing import get_tracing_header_name

from lifecycle.config import Config
from lifecycle.deployer.instances import InstanceNotStarted, InstanceSpec
from lifecycle.infrastructure.process.image import ProcessImage
from lifecycle.infrastructure.process.launch import (
    DATA_VARIABLE,
    INSTANCE_VARIABLE,
    basic_environment,
)

RESERVED = (
    "PUB_URL",
    "JOB_NAME",
    "JOB_VERSION",
    "AUTH_TOKEN",
    "JOB_DEPLOYMENT_TIMESTAMP",
    "REQUEST_TRACING_HEADER",
    "JOB_MANIFEST_YAML",
)


def make_environment(spec: InstanceSpec, image: ProcessImage, config: Config) -> dict[str, str]:
    """Put the variables together; InstanceNotStarted lists names of the user's that the platform sets itself."""
    of_user = {**spec.runtime_env, **spec.secret_runtime_env}
    if clashes := sorted(set(of_user) & set(RESERVED)):
        raise InstanceNotStarted(
            f"runtime_env may not set {', '.join(clashes)}: the platform sets them; choose other names"
        )
    return {
        **basic_environment(os.environ.items()),  # noqa: TID251 - what the job inherits, filtered
        **image.environment,
        **of_user,
        "PUB_URL": config.internal_pub_url,
        "JOB_NAME": spec.manifest.name,
        "JOB_VERSION": spec.manifest.version,
        "AUTH_TOKEN": spec.family_token,
        "JOB_DEPLOYMENT_TIMESTAMP": str(spec.deployment_timestamp),
        "REQUEST_TRACING_HEADER": get_tracing_header_name(),
        "JOB_MANIFEST_YAML": spec.manifest.origin_yaml_ or "",
        "PYTHONUNBUFFERED": "1",
        **spec.plugin_env,
        INSTANCE_VARIABLE: spec.instance_id,
        DATA_VARIABLE: str(config.job_logs_dir.resolve()),
    }
