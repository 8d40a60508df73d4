"""Fakes of what Lifecycle works with: infrastructure targets, Image Builder, plugins."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from racetrack_client.entities import ImageKind
from racetrack_client.log.errors import EntityNotFound
from racetrack_client.manifest import Manifest
from racetrack_commons.auth.instance_proof import CHALLENGE_HEADER, PROOF_HEADER, make_proof
from racetrack_commons.entities.dto import (
    BuildEventKind,
    BuildPayload,
    BuildResult,
    JobDto,
    JobImage,
    JobStatus,
)
from racetrack_commons.entities.image_builder_client import BuildEvent, ImageBuilderClient

from lifecycle.config import Config
from lifecycle.deployer.base import JobDeployer
from lifecycle.deployer.instances import InstanceDeployer, JobCrashed
from lifecycle.domain.instance import Instance, InstanceSpec
from lifecycle.domain.secrets import JobSecrets
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.monitor.base import JobMonitor, LogsStreamer, OnNextLine

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class FakeInstance:
    """An instance that seems to run."""

    spec: InstanceSpec
    addresses: list[str]
    crash: str | None = None
    has_lost_address: bool = False

    @property
    def address(self) -> str:
        """The address of the first replica."""
        return self.addresses[0]


@dataclass
class FakeInstances(InstanceDeployer):
    """A deployer that holds instances in memory; tests set how they start, crash and answer."""

    running: dict[str, FakeInstance] = field(default_factory=dict)
    started: int = 0
    """The number of replicas that were started so far."""
    stopped: list[str] = field(default_factory=list)
    asked_to_end: list[str] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    """The ids of the instances that have calls which do not end."""
    secrets: dict[tuple[str, str], JobSecrets] = field(default_factory=dict)
    crash_message: str | None = None
    start_error: BaseException | None = None
    lost_addresses: int = 0
    """The number of the next instances whose address another program holds."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """Answers by path; a path without one is answered like by a healthy job."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """The address and the path of each request."""
    domain: str = "test"
    """The domain of the instances' addresses."""

    def start_instance(self, spec: InstanceSpec) -> Instance:
        if self.start_error is not None:
            raise self.start_error
        if spec.instance_id not in self.running:
            numbers = range(self.started, self.started + spec.manifest.replicas)
            self.started += spec.manifest.replicas
            addresses = [f"job-{number}.{self.domain}:7000" for number in numbers]
            instance = FakeInstance(spec, addresses, has_lost_address=self.lost_addresses > 0)
            self.lost_addresses -= 1
            self.running[spec.instance_id] = instance
        known = self.running[spec.instance_id]
        known.crash = self.crash_message
        return _describe(known)

    def ask_to_end(self, instance_id: str) -> None:
        self.asked_to_end.append(instance_id)

    def has_ended(self, instance_id: str) -> bool:
        return instance_id not in self.busy

    def stop_instance(self, instance_id: str, grace_seconds: float) -> None:
        if self.running.pop(instance_id, None) is not None:
            self.stopped.append(instance_id)

    def has_instance(self, instance_id: str) -> bool:
        return instance_id in self.running

    def check_instance(self, instance_id: str) -> None:
        instance = self.running.get(instance_id)
        if instance is None or instance.crash:
            raise JobCrashed(instance.crash or "gone" if instance else "gone")

    def has_lost_address(self, instance_id: str) -> bool:
        return self.running[instance_id].has_lost_address

    def list_instances(self) -> list[Instance]:
        return [_describe(instance) for instance in self.running.values()]

    def delete_job(self, job_name: str, job_version: str) -> None:
        for instance in self._list_of_job(job_name, job_version):
            self.stop_instance(instance.spec.instance_id, grace_seconds=0)
        self.secrets.pop((job_name, job_version), None)

    def job_exists(self, job_name: str, job_version: str) -> bool:
        return bool(self._list_of_job(job_name, job_version))

    def save_job_secrets(self, job_name: str, job_version: str, job_secrets: JobSecrets) -> None:
        self.secrets[job_name, job_version] = job_secrets

    def get_job_secrets(self, job_name: str, job_version: str) -> JobSecrets:
        try:
            return self.secrets[job_name, job_version]
        except KeyError as error:
            raise EntityNotFound("no secrets") from error

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Return the answer of the job at the request's address; raise ConnectError when there is none."""
        address, path = request.url.netloc.decode(), request.url.path
        self.calls.append((address, path))
        instance = next((one for one in self.running.values() if address in one.addresses), None)
        if instance is None:
            raise httpx.ConnectError("refused", request=request)
        if path in self.answers:
            return self.answers[path](request)
        if path == "/live":
            spec = instance.spec
            body = {"live": True, "deployment_timestamp": spec.deployment_timestamp}
            headers = {}
            if challenge := request.headers.get(CHALLENGE_HEADER):
                port = request.url.port or 80
                headers = {PROOF_HEADER: make_proof(spec.instance_secret, challenge, port)}
            return httpx.Response(200, json=body, headers=headers)
        return httpx.Response(200 if path == "/ready" else 404, json={})

    def _list_of_job(self, job_name: str, job_version: str) -> list[FakeInstance]:
        manifests = [(one, one.spec.manifest) for one in self.running.values()]
        wanted = (job_name, job_version)
        return [one for one, manifest in manifests if (manifest.name, manifest.version) == wanted]


@dataclass
class FakeMonitor(JobMonitor):
    """A monitor that lists the jobs which a test gave to it."""

    jobs: list[JobDto] = field(default_factory=list)
    logs: str = ""
    error: Exception | None = None

    def list_jobs(self, config: Config) -> Iterable[JobDto]:
        if self.error is not None:
            raise self.error
        return [job.model_copy(deep=True) for job in self.jobs]

    def check_job_condition(
        self,
        job: JobDto,
        deployment_timestamp: int = 0,
        on_job_alive: Callable[[], None] | None = None,
        *_: object,
        **__: object,
    ) -> None:
        if self.error is not None:
            raise self.error
        if on_job_alive is not None:
            on_job_alive()

    def read_recent_logs(self, job: JobDto, tail: int = 20) -> str:
        return self.logs


@dataclass
class FakeStreamer(LogsStreamer):
    """A logs streamer that passes the given lines to each session, from a thread of its own."""

    lines: list[str] = field(default_factory=list)
    sessions: dict[str, dict[str, str]] = field(default_factory=dict)
    """The properties of the open sessions, by session id."""
    closed: list[str] = field(default_factory=list)

    def create_session(
        self, session_id: str, resource_properties: dict[str, str], on_next_line: OnNextLine
    ) -> None:
        self.sessions[session_id] = resource_properties

        def pass_on() -> None:
            for line in self.lines:
                on_next_line(session_id, line)

        threading.Thread(target=pass_on, daemon=True).start()

    def close_session(self, session_id: str) -> None:
        del self.sessions[session_id]
        self.closed.append(session_id)


@dataclass
class FakeInPlace(JobDeployer):
    """A deployer like those of older plugins, which replaces the one instance of a job in place."""

    deployed: dict[tuple[str, str], str] = field(default_factory=dict)
    deleted: list[tuple[str, str]] = field(default_factory=list)

    def deploy_job(
        self, manifest: Manifest, config: Config, plugin_engine: Any, tag: str, *_: Any, **__: Any
    ) -> JobDto:
        self.deployed[manifest.name, manifest.version] = tag
        return JobDto(
            name=manifest.name,
            version=manifest.version,
            status=JobStatus.RUNNING,
            create_time=1,
            update_time=1,
            internal_name="old-plugin.test:7000",
        )

    def delete_job(self, job_name: str, job_version: str) -> None:
        del self.deployed[job_name, job_version]
        self.deleted.append((job_name, job_version))

    def job_exists(self, job_name: str, job_version: str) -> bool:
        return (job_name, job_version) in self.deployed

    def save_job_secrets(self, job_name: str, job_version: str, job_secrets: JobSecrets) -> None:
        raise NotImplementedError

    def get_job_secrets(self, job_name: str, job_version: str) -> JobSecrets:
        raise NotImplementedError


def a_target(
    deployer: JobDeployer, monitor: JobMonitor | None = None, image_kind: str = ImageKind.PROCESS
) -> InfrastructureTarget:
    """Make a target named `process` of fakes."""
    return InfrastructureTarget(
        name="process", job_deployer=deployer, job_monitor=monitor, image_kind=image_kind
    )


class FakeImageBuilder(ImageBuilderClient):
    """An Image Builder that ends every build at once; `interrupt` is called in the middle of each and may raise."""

    def __init__(self) -> None:
        self.payloads: list[BuildPayload] = []
        self.cancelled: list[str] = []
        self.log_lines = ["Step 1", "Step 2"]
        self.error: str | None = None
        self.image_names: list[str] | None = None
        """Names of the images in the next results; None for an invented name."""
        self.interrupt: Callable[[], None] = lambda: None
        self.needed: list[JobImage] = []
        """The images of the last `prune`."""

    def is_healthy(self) -> bool:
        """Return True."""
        return True

    def build(self, payload: BuildPayload) -> Iterator[BuildEvent]:
        """Yield the events of a build that ends at once."""
        self.payloads.append(payload)
        yield BuildEvent(BuildEventKind.PHASE, text="preparing job type builder")
        for line in self.log_lines:
            yield BuildEvent(BuildEventKind.LOG, text=line)
        self.interrupt()
        invented = [f"registry.test/{payload.manifest['name']}:{payload.tag}"]
        result = BuildResult(
            logs="\n".join(self.log_lines),
            error=self.error,
            image_tag=payload.tag,
            image_names=self.image_names or invented,
            job_type_version="python3:3.0.0",
        )
        yield BuildEvent(BuildEventKind.RESULT, result=result)

    def cancel(self, deployment_id: str) -> None:
        """Remember the cancelled deployment."""
        self.cancelled.append(deployment_id)

    def prune(self, needed: Sequence[JobImage]) -> list[str]:
        """Remember the needed images; remove none."""
        self.needed = list(needed)
        return []

    def close(self) -> None:
        """Do nothing: there is no connection."""


class FakePlugins:
    """A plugin engine without plugins, which remembers the called hooks; `on_hook` may raise."""

    def __init__(self) -> None:
        self.hooks: list[str] = []
        self.on_hook: Callable[[str], None] = lambda _: None

    def invoke_plugin_hook(self, hook: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Remember the call, and return no answers."""
        self.hooks.append(hook.__name__)
        self.on_hook(hook.__name__)
        return []


def _describe(instance: FakeInstance) -> Instance:
    manifest = instance.spec.manifest
    return Instance(
        instance.spec.instance_id,
        manifest.name,
        manifest.version,
        instance.address,
        instance.addresses,
    )
