"""Planning the process of a replica: its command, its directory and its variables."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel
from racetrack_client.entities import ProcessImage, fill_places
from racetrack_client.utils.datamodel import load_yaml_map

from lifecycle.config import Config
from lifecycle.deployer.instances import ImageGone
from lifecycle.deployer.resources import compute_resources
from lifecycle.domain.instance import InstanceSpec
from lifecycle.infrastructure.built_in_deployer import (
    INSTANCE_VARIABLE,
    make_platform_variables,
    merge_variables,
)

PROCESS_VARIABLE = "RACETRACK_PROCESS_ID"
"""Holds the id of the process's row, which stands for one replica of the instance."""
DATA_VARIABLE = "RACETRACK_INSTANCES"
"""Holds the directory of the logs, by which a platform recognises its own processes among those of others."""
_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
)


class Launch(BaseModel):
    """The command that starts one replica, with its surroundings; stored encrypted, because they hold secrets."""

    command: list[str]
    """The arguments; those of the address are filled in when the process starts."""
    workdir: str
    environment: dict[str, str]
    memory_bytes: int | None = None
    cpus: float | None = None
    """The CPUs that the replica may use; None when its manifest does not say."""

    def move_home(self, variables: Mapping[str, str]) -> "Launch":
        """Return the launch with variables of its user, unless the job's author has set them."""
        inherited = os.environ  # noqa: TID251 - the job's are the author's where they differ
        moved = {
            name: value
            for name, value in variables.items()
            if self.environment.get(name) in (None, inherited.get(name))
        }
        return self.model_copy(update={"environment": self.environment | moved})

    @property
    def takes_socket(self) -> bool:
        """True if the program takes a socket that listens already, as `{fd}`."""
        return "{fd}" in self.command

    @property
    def takes_port(self) -> bool:
        """True if the port may be another one at each start; commands that older releases stored have theirs filled in."""
        return "{port}" in self.command


def make_launch(spec: InstanceSpec, config: Config, process_id: str) -> Launch:
    """Return the command that starts the replica.

    Raise ImageGone when its image is missing, InstanceNotStarted when the manifest asks for what it can't have.
    """
    manifest = spec.manifest
    image, workdir = load_image(config.images_dir, manifest.name, spec.image_tag)
    environment = _make_environment(spec, image, config)
    cpu_max = manifest.resources.cpu_max if manifest.resources else None
    return Launch(
        command=fill_places(image.command, python=image.python, host=config.job_host),
        workdir=str(workdir),
        environment={**environment, PROCESS_VARIABLE: process_id},
        memory_bytes=int(compute_resources(manifest, config).memory_max.plain_number),
        cpus=float(cpu_max.plain_number) if cpu_max else None,
    )


def make_data_mark(config: Config) -> str:
    """Return the mark of this platform's processes, which no other platform of the machine has."""
    return str(config.job_logs_dir.resolve())


def load_image(images_dir: Path, job_name: str, tag: str) -> tuple[ProcessImage, Path]:
    """Return an image and the directory that its command runs in; raise ImageGone when it is missing or damaged."""
    folder = images_dir / job_name / tag
    try:
        image = ProcessImage.load(folder)
    except (OSError, ValueError) as error:
        raise ImageGone(f"image {tag} of job {job_name} is gone or damaged") from error
    if not Path(image.python).exists():
        raise ImageGone(f"the environment of image {tag} of job {job_name} is gone")
    return image, (folder / image.workdir).resolve()


def _make_environment(spec: InstanceSpec, image: ProcessImage, config: Config) -> dict[str, str]:
    of_platform = {
        **make_platform_variables(spec, config),
        "JOB_MANIFEST_YAML": _write_manifest(spec.manifest.origin_yaml_ or ""),
    }
    inherited = _filter_inherited(os.environ.items())  # noqa: TID251 - what the job inherits, filtered
    return {
        **inherited,
        **image.make_path_variables(inherited.get("PATH", "")),
        **image.environment,
        "PYTHONUNBUFFERED": "1",
        **merge_variables(spec, of_platform),
        INSTANCE_VARIABLE: spec.instance_id,
        DATA_VARIABLE: make_data_mark(config),
    }


def _write_manifest(text: str) -> str:
    """Return the manifest in YAML that job wrappers of all versions read alike.

    Those of older job types take `\\n` for the end of a line, also where it is a part of a value.
    """
    if "\\n" not in text:
        return text
    content = json.dumps(load_yaml_map(text), default=str, ensure_ascii=False)
    escaped = content.replace("\\\\", "\\u005c").replace("\\n", "\\u000a")
    return re.sub(r"[^\x20-\x7e]", lambda found: f"\\U{ord(found[0]):08x}", escaped)


def _filter_inherited(variables: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the variables of the service that a job may see: none that holds a secret."""
    return {name: value for name, value in variables if name in _PASSED_ON}
