"""Variables that a process job runs with."""

import os

from racetrack_client.entities import ProcessImage

from lifecycle.config import Config
from lifecycle.domain.instance import InstanceSpec
from lifecycle.infrastructure.built_in_deployer import make_platform_variables, merge_variables
from lifecycle.infrastructure.process.launch import (
    DATA_VARIABLE,
    INSTANCE_VARIABLE,
    basic_environment,
)


def make_environment(spec: InstanceSpec, image: ProcessImage, config: Config) -> dict[str, str]:
    """Put the variables together; InstanceNotStarted lists names of the user's that the platform sets itself."""
    of_platform = {
        **make_platform_variables(spec, config),
        "JOB_MANIFEST_YAML": spec.manifest.origin_yaml_ or "",
    }
    return {
        **basic_environment(os.environ.items()),  # noqa: TID251 - what the job inherits, filtered
        **image.environment,
        "PYTHONUNBUFFERED": "1",
        **merge_variables(spec, of_platform),
        INSTANCE_VARIABLE: spec.instance_id,
        DATA_VARIABLE: str(config.job_logs_dir.resolve()),
    }
