"""Images to run on this machine: made by the Image Builder that is installed beside the command, or by Lifecycle's."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from racetrack_client.client.deploy import DeploymentError, follow_deployment
from racetrack_client.client.session import Session
from racetrack_client.entities import DeployPayload
from racetrack_client.log.errors import ValidationError


@dataclass(frozen=True)
class LocalImage:
    """What a job is started from: a directory for a process, or the name of a container image."""

    name: str
    directory: Path | None = None


def has_builder() -> bool:
    """Whether an Image Builder is installed beside the command."""
    return importlib.util.find_spec("image_builder") is not None


def build_here(payload: DeployPayload) -> LocalImage:
    """Build on this machine, without any server; the builder tells its progress on standard error."""
    command = [sys.executable, "-m", "image_builder", "make-image"]
    done = subprocess.run(
        command,
        input=json.dumps(payload.model_dump()),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DeploymentError("the image was not built, see above")
    image = json.loads(done.stdout)
    directory = Path(image["directory"]) if image["directory"] else None
    return LocalImage(_get_only_one(image["image_names"]), directory)


def build_remotely(
    session: Session, payload: DeployPayload, on_progress: Callable[[dict[str, Any]], None]
) -> LocalImage:
    """Let Lifecycle build a container image."""
    started = session.call("POST", "build", payload.model_dump(), timeout_seconds=600)
    deployment = follow_deployment(session, started["id"], on_progress)
    return LocalImage(_get_only_one([deployment.get("image_name") or ""]))


def _get_only_one(names: list[str]) -> str:
    if len(names) != 1 or not names[0]:
        raise ValidationError(
            f"the job consists of {len(names)} images, only jobs of one can be run alone; deploy it"
        )
    return names[0]
