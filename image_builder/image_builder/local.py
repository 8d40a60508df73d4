"""Building a job on the command line, without the other services."""

import base64
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from racetrack_client.client.pack import pack_source, read_secret_vars
from racetrack_client.client.source_files import collect_source
from racetrack_client.entities import DeployPayload, ImageKind
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.load import load_manifest
from racetrack_client.manifest.parse import parse_manifest
from racetrack_commons.entities.dto import BuildEventKind, BuildPayload, BuildResult

from image_builder.app import create_builder
from image_builder.build_request import parse_request
from image_builder.config import ImageBuilderConfig
from image_builder.job_type.catalog import JobTypeCatalog
from image_builder.pipeline.builds import Build
from image_builder.running.progress import ProgressEvent


class LocalBuildFailed(ValidationError):
    """The build ended without an image; its log holds the reason."""


@dataclass(frozen=True)
class BuiltImage:
    """The result of a local build."""

    image_kind: ImageKind
    image_names: list[str]
    directory: Path | None
    """The directory of a process image; None for Docker images."""


@dataclass(frozen=True)
class LocalBuild:
    """A build that a user requests on the command line."""

    directory: Path
    image_kind: ImageKind
    tag: str
    no_cache: bool

    def make_payload(self) -> BuildPayload:
        """Return the payload of the build, with the directory packed into it."""
        manifest = load_manifest(self.directory)
        packed = pack_source(collect_source(self.directory, manifest))
        return BuildPayload(
            manifest=manifest.origin_dict_ or {},
            tag=self.tag,
            deployment_id=f"local-{uuid.uuid4()}",
            build_context=base64.b64encode(packed).decode(),
            secret_build_env=read_secret_vars(self.directory, manifest.secret_build_env_file),
            build_flags=["--no-cache"] if self.no_cache else [],
            image_kind=self.image_kind,
        )


@dataclass(frozen=True)
class LocalBuilder:
    """Builds jobs without the other services."""

    config: ImageBuilderConfig
    job_types: JobTypeCatalog
    environment: Mapping[str, str]
    """The variables that programs of builds inherit."""
    tell: Callable[[str], None]
    """Called with each line of the build's progress, from the thread that called `build`."""

    def build(self, payload: BuildPayload) -> BuiltImage:
        """Build a job and return its image; raises LocalBuildFailed when the build fails."""
        request = parse_request(payload)
        config = self.config.model_copy(
            update={"image_kinds": (request.image_kind,), "build_users": False}
        )
        builder = create_builder(config, self.job_types, self.environment, CollectorRegistry())
        builder.start()
        try:
            build = builder.builds.submit(request)
            _follow(build, self.tell)
        finally:
            builder.stop()
        result = _get_result(build)
        place = config.images_dir.absolute() / request.manifest.name / (result.image_tag or "")
        is_process = request.image_kind == ImageKind.PROCESS
        return BuiltImage(request.image_kind, result.image_names, place if is_process else None)

    def build_preferred_kind(self, payload: DeployPayload) -> BuiltImage:
        """Build the job of a deploy payload and return its image.

        A process image is preferred, because it needs no Docker engine; job types without a recipe get Docker images.
        Raises LocalBuildFailed when the build fails.
        """
        secrets = payload.get_secret_vars().build_env
        job_type = parse_manifest(payload.manifest).get_jobtype()
        return self.build(
            BuildPayload(
                manifest=payload.manifest,
                tag="local",
                deployment_id=f"local-{uuid.uuid4()}",
                git_credentials=payload.git_credentials,
                secret_build_env=secrets,
                build_context=payload.build_context,
                build_flags=payload.build_flags,
                image_kind=self._choose_kind(job_type),
            )
        )

    def _choose_kind(self, job_type: str) -> ImageKind:
        try:
            self.job_types.resolve(job_type, ImageKind.PROCESS)
        except ValidationError:
            self.job_types.resolve(job_type, ImageKind.DOCKER)
            return ImageKind.DOCKER
        return ImageKind.PROCESS


def _follow(build: Build, tell: Callable[[str], None]) -> None:
    position, has_ended = 0, False
    has_news = threading.Event()
    with build.history.listening(has_news.set):
        while not has_ended:
            has_news.clear()
            events = build.history.read_from(position)
            position += len(events)
            has_ended = any(event.kind == BuildEventKind.RESULT for event in events)
            for event in events:
                if event.kind in (BuildEventKind.PHASE, BuildEventKind.LOG):
                    tell(_describe(event))
            if not events:
                has_news.wait()


def _describe(event: ProgressEvent) -> str:
    return f"== {event.data}" if event.kind == BuildEventKind.PHASE else f"   {event.data}"


def _get_result(build: Build) -> BuildResult:
    if build.error is not None:
        raise LocalBuildFailed(str(build.error)) from build.error
    result = build.result or BuildResult()
    if result.error:
        raise LocalBuildFailed(result.error)
    return result
