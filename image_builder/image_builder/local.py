"""Building the job of a directory alone, without the other services."""

import base64
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from racetrack_client.client.pack import pack_directory
from racetrack_client.client.secret_vars import read_secret_vars
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.load import load_manifest
from racetrack_commons.entities.dto import BuildEventKind, BuildPayload, BuildResult

from image_builder.app import create_builder
from image_builder.build.build import Build
from image_builder.build.journal import BuildEvent
from image_builder.build.request import ImageKind, parse_request
from image_builder.config import Config
from image_builder.job_type.resolve import JobTypes


class LocalBuildFailed(ValidationError):
    """The build ended without an image; its log says why."""


@dataclass(frozen=True)
class LocalBuild:
    """What a person asks for on the command line."""

    directory: Path
    image_kind: ImageKind
    tag: str
    no_cache: bool


def build_locally(
    order: LocalBuild,
    config: Config,
    job_types: JobTypes,
    environment: Mapping[str, str],
    tell: Callable[[str], None],
) -> BuildResult:
    """Build, tell what happens line by line, and where the image is; LocalBuildFailed when there is none."""
    request = parse_request(_make_payload(order))
    config = config.model_copy(update={"image_kinds": (order.image_kind,)})
    builder = create_builder(config, job_types, environment, CollectorRegistry())
    builder.start()
    try:
        build = builder.builds.submit(request)
        _follow(build, tell)
    finally:
        builder.stop()
    result = _get_result(build)
    tell(f"image: {', '.join(result.image_names)}")
    if order.image_kind == ImageKind.PROCESS and result.image_tag:
        tell(f"it is in {config.images_dir.absolute() / request.manifest.name / result.image_tag}")
    return result


def _make_payload(order: LocalBuild) -> BuildPayload:
    manifest = load_manifest(order.directory)
    secrets = [manifest.secret_build_env_file, manifest.secret_runtime_env_file]
    packed = pack_directory(order.directory, [name for name in secrets if name])
    return BuildPayload(
        manifest=manifest.origin_dict_ or {},
        tag=order.tag,
        deployment_id=f"local-{uuid.uuid4()}",
        build_context=base64.b64encode(packed).decode(),
        secret_build_env=read_secret_vars(order.directory, manifest.secret_build_env_file),
        build_flags=["--no-cache"] if order.no_cache else [],
        image_kind=order.image_kind,
    )


def _follow(build: Build, tell: Callable[[str], None]) -> None:
    position, has_ended = 0, False
    news = threading.Event()
    with build.journal.listening(news.set):
        while not has_ended:
            news.clear()
            events = build.journal.read_from(position)
            position += len(events)
            has_ended = any(event.kind == BuildEventKind.RESULT for event in events)
            for event in events:
                if event.kind in (BuildEventKind.PHASE, BuildEventKind.LOG):
                    tell(_describe(event))
            if not events:
                news.wait()


def _describe(event: BuildEvent) -> str:
    return f"== {event.data}" if event.kind == BuildEventKind.PHASE else f"   {event.data}"


def _get_result(build: Build) -> BuildResult:
    if build.error is not None:
        raise LocalBuildFailed(str(build.error)) from build.error
    result = build.result or BuildResult()
    if result.error:
        raise LocalBuildFailed(result.error)
    return result
