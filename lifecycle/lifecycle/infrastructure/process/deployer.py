"""The deployer of the target `process`."""

import signal
import uuid
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest import Manifest
from racetrack_commons.clock import Clock
from racetrack_commons.deploy.resource import job_resource_name
from racetrack_commons.os_users.entrance import Entrance

from lifecycle.config import BuiltInTarget, Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployer.instances import InstanceNotStarted, JobCrashed
from lifecycle.deployer.resources import compute_resources, list_wishes_for_clusters
from lifecycle.domain.instance import Instance, InstanceSpec, JobProcess, ProcessState
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.built_in_deployer import BuiltInDeployer
from lifecycle.infrastructure.memory_kill import MemoryKill
from lifecycle.infrastructure.process.cgroups.job_groups import GroupLimits, JobGroup, JobGroups
from lifecycle.infrastructure.process.job_users import JobUser, JobUsers
from lifecycle.infrastructure.process.listening import is_held_by_another
from lifecycle.infrastructure.process.log_file import append_line, read_last_lines
from lifecycle.infrastructure.process.os_processes import (
    StartedProcess,
    ask_to_end,
    describe_exit,
    is_alive,
    kill_replica,
    list_marked_processes,
    signal_group,
    start_process,
)
from lifecycle.infrastructure.process.plan import Launch, make_data_mark, make_launch
from lifecycle.infrastructure.process.ports import JobPorts
from lifecycle.infrastructure.process.sandbox import JobSandbox
from lifecycle.monitor.health import AddressTaken

logger = get_logger(__name__)
EVIDENCE_LINES = 20
STOP_POLL_SECONDS = 0.05
REMOVAL_SECONDS = 2


class ProcessDeployer(BuiltInDeployer):
    """Runs each replica as a process of the operating system; the database has a row for each process."""

    def __init__(
        self,
        config: Config,
        uow: UnitOfWorkFactory,
        secrets: SecretBox,
        clock: Clock,
        groups: JobGroups,
    ) -> None:
        super().__init__(uow, secrets)
        self.config = config
        self.clock = clock
        self.groups = groups
        self.ports = JobPorts(config, uow)
        self.users = JobUsers(config, uow)
        self.sandbox = JobSandbox(config, has_users=self.users.are_separate)

    def check_manifest(self, manifest: Manifest) -> None:
        """Raise InstanceNotStarted when the manifest asks for more than the platform allows."""
        compute_resources(manifest, self.config)

    def start_instance(self, spec: InstanceSpec) -> Instance:
        """Start the replicas of the instance that do not run yet."""
        with self.uow() as uow:
            known = {
                process.replica: process
                for process in uow.processes.list_of_instance(spec.instance_id)
            }
        processes = [
            known.get(replica) or self.ports.reserve(partial(self._make_process, spec, replica))
            for replica in range(spec.manifest.replicas)
        ]
        for process in processes:
            if find_started_process(process) is None and not self._adopt(process):
                self.launch(process)
        return self._describe(processes)

    def list_unmet_wishes(self, manifest: Manifest) -> list[str]:
        """Return warnings when the manifest asks for shared memory of its own, or for nodes of a cluster."""
        warnings = list_wishes_for_clusters(manifest, BuiltInTarget.PROCESS)
        if manifest.resources is None or manifest.resources.shm_size is None:
            return warnings
        return [
            *warnings,
            "resources.shm_size has no effect on the target process: all processes share /dev/shm of the"
            f" machine, {_measure_shared_memory()}; memory_max still bounds each of them",
        ]

    def ask_to_end(self, instance_id: str) -> None:
        """Send SIGTERM to the processes, which end when their calls have ended."""
        with self.uow() as uow:
            uow.processes.mark_stopping(instance_id)
            processes = uow.processes.list_of_instance(instance_id)
        for process in processes:
            if found := find_started_process(process):
                ask_to_end(found)

    def has_ended(self, instance_id: str) -> bool:
        """Return whether none of the processes runs."""
        found = map(find_started_process, self._list_processes(instance_id))
        return not any(each and is_alive(each) for each in found)

    def stop_instance(self, instance_id: str, grace_seconds: float) -> None:
        """Ask the processes to end, then kill their groups after `grace_seconds`."""
        with self.uow() as uow:
            uow.processes.mark_stopping(instance_id)
            processes = uow.processes.list_of_instance(instance_id)
        running = [found for each in processes if (found := find_started_process(each))]
        for started in running:
            signal_group(started, signal.SIGTERM)
        deadline = self.clock.monotonic() + grace_seconds
        while any(is_alive(started) for started in running) and self.clock.monotonic() < deadline:
            self.clock.sleep(STOP_POLL_SECONDS)
        for process in processes:
            self.kill(process)
        with self.uow() as uow:
            uow.processes.remove_of_instance(instance_id)

    def has_instance(self, instance_id: str) -> bool:
        """Return whether the instance has rows of processes."""
        return bool(self._list_processes(instance_id))

    def check_instance(self, instance_id: str) -> None:
        """Raise JobCrashed, with the last log lines, if a replica has ended."""
        processes = self._list_processes(instance_id)
        if not processes:
            raise JobCrashed("the job's processes were ended")
        for process in processes:
            found = find_started_process(process)
            # A process that was started again has crashed before; a new one must not need that.
            if found is None or not is_alive(found) or process.restarts:
                end = process.memory_kill or self.find_memory_kill(process) or "ended by itself"
                lines = "\n".join(read_last_lines(Path(process.log_path), EVIDENCE_LINES))
                raise JobCrashed(f"the job's process {end}. Its last log lines:\n{lines}".rstrip())

    def has_lost_address(self, instance_id: str) -> bool:
        """Return whether another program listens at the port of a replica."""
        return any(
            is_held_by_another(find_started_process(each), self.config.job_host, each.port)
            for each in self._list_processes(instance_id)
        )

    def check_address(self, process: JobProcess, secret: str) -> None:
        """Raise AddressTaken when another program listens at the port; an instance with a secret proves that by itself."""
        host, port = self.config.job_host, process.port
        if not secret and is_held_by_another(find_started_process(process), host, port):
            raise AddressTaken(f"another program answers at the job's address {host}:{port}")

    def list_instances(self) -> list[Instance]:
        """List the instances that have rows of processes."""
        with self.uow.reading() as uow:
            processes = uow.processes.list_all()
        instances: dict[str, list[JobProcess]] = {}
        for process in processes:
            instances.setdefault(process.instance_id, []).append(process)
        return [self._describe(replicas) for replicas in instances.values()]

    def launch(self, process: JobProcess) -> None:
        """Start the process of a row and store its pid; raise InstanceNotStarted when that fails."""
        launch = self.read_launch(process)
        group = self._make_group(process, launch)
        note_end = partial(self._note_end, process)
        try:
            entrance = Entrance(cgroups=group.entries if group else [])
            with self.ports.occupied(process, launch) as port:
                if user := self.users.get(process.job_name):
                    entrance = self._make_entrance(process, launch, user, entrance)
                    launch = launch.move_home(user.variables)
                started = start_process(launch, port, Path(process.log_path), entrance, note_end)
        except OSError as error:
            raise InstanceNotStarted(
                f"{process.job_name} {process.job_version} can't be started: {error}"
            ) from error
        if not self._note_start(process, started):
            kill_replica(started, process.id)
            raise InstanceNotStarted(
                f"{process.job_name} {process.job_version} was stopped while it was started"
            )
        logger.info(
            f"job {process.job_name} {process.job_version} runs as process {started.pid} on port {process.port}"
        )

    def read_launch(self, process: JobProcess) -> Launch:
        """Return the stored command of a row."""
        return Launch.model_validate(self.secrets.decrypt_json(process.launch))

    def find_group(self, process: JobProcess) -> JobGroup | None:
        """Return the cgroup of this start of a replica; None when it has none."""
        group = self.groups.find(make_group_name(process))
        return group if group is not None and group.find_create_time() else None

    def find_memory_kill(self, process: JobProcess) -> MemoryKill | None:
        """Return the kill of this start of a replica by the kernel, for want of memory; None if there was none."""
        group = self.find_group(process)
        if group is None or not group.count_memory_kills():
            return None
        limit_bytes = self.read_launch(process).memory_bytes or 0
        return MemoryKill(limit_bytes, group.read_peak_bytes())

    def kill(self, process: JobProcess) -> None:
        """Kill all that a replica has started, and remove its cgroup."""
        started, group = find_started_process(process), self.find_group(process)
        if group is not None:
            group.kill()
        if started is not None:
            kill_replica(started, process.id)
        # Killed processes take a moment to give their memory back.
        deadline = self.clock.monotonic() + REMOVAL_SECONDS
        while group is not None and not group.remove() and self.clock.monotonic() < deadline:
            self.clock.sleep(STOP_POLL_SECONDS)

    def _note_end(self, process: JobProcess, exit_code: int) -> None:
        """Write into the log how a process ended, unless it was asked to: one that is killed can't say so itself."""
        if not self._is_asked_to_end(process):
            end = describe_exit(exit_code)
            append_line(Path(process.log_path), f"the job's process ended ({end})")

    def _is_asked_to_end(self, process: JobProcess) -> bool:
        """Return whether a service stops the process, perhaps another one than the service that started it."""
        try:
            processes = self._list_processes(process.instance_id)
        except Exception:  # noqa: BLE001 - a crash is worth its line also when the database is away
            return False
        kept = {each.id for each in processes if each.state != ProcessState.STOPPING}
        return process.id not in kept

    def _list_processes(self, instance_id: str) -> list[JobProcess]:
        with self.uow.reading() as uow:
            return uow.processes.list_of_instance(instance_id)

    def _make_group(self, process: JobProcess, launch: Launch) -> JobGroup | None:
        group = self.groups.find(make_group_name(process))
        if group is None or launch.memory_bytes is None:
            return None
        threads = self.config.max_job_threads or None
        try:
            group.make(GroupLimits(launch.memory_bytes, launch.cpus, threads))
        except OSError as error:
            logger.warning(f"no cgroup for job {process.job_name}, it is measured instead: {error}")
            group.remove()
            return None
        return group

    def _make_entrance(
        self, process: JobProcess, launch: Launch, user: JobUser, entrance: Entrance
    ) -> Entrance:
        reach = self.users.open_files(user, launch)
        # A program that takes no socket opens its port itself.
        ports = [] if launch.takes_socket else [process.port]
        confinement = self.sandbox.confine(user, reach, ports)
        return replace(entrance, user_id=user.id, reach=reach, confinement=confinement)

    def _adopt(self, process: JobProcess) -> bool:
        """Take over a process whose service was killed after it started the process, before it stored the pid."""
        for marked in list_marked_processes(make_data_mark(self.config)):
            if marked.process_id == process.id:
                return self._note_start(process, marked.process)
        return False

    def _note_start(self, process: JobProcess, started: StartedProcess) -> bool:
        process.pid, process.pid_create_time = started.pid, started.create_time
        process.state = ProcessState.STARTED
        with self.uow() as uow:
            return uow.processes.mark_started(process.id, started.pid, started.create_time)

    def _make_process(self, spec: InstanceSpec, replica: int, port: int) -> JobProcess:
        manifest, process_id = spec.manifest, str(uuid.uuid4())
        launch = make_launch(spec, self.config, process_id)
        folder = self.config.job_logs_dir.resolve() / job_resource_name(
            manifest.name, manifest.version
        )
        suffix = f"-{replica}" if replica else ""
        return JobProcess(
            id=process_id,
            instance_id=spec.instance_id,
            job_name=manifest.name,
            job_version=manifest.version,
            replica=replica,
            port=port,
            state=ProcessState.STARTING,
            launch=self.secrets.encrypt_json(launch.model_dump()),
            log_path=str(folder / f"{spec.instance_id}{suffix}.log"),
            create_time=self.clock.now(),
        )

    def _describe(self, processes: list[JobProcess]) -> Instance:
        names = [f"{self.config.job_host}:{process.port}" for process in processes]
        first = processes[0]
        return Instance(first.instance_id, first.job_name, first.job_version, names[0], names)


def make_group_name(process: JobProcess) -> str:
    """Return the name of the cgroup of this start of a replica."""
    return f"{process.instance_id}-{process.replica}-{process.restarts}"


def find_started_process(process: JobProcess) -> StartedProcess | None:
    """Return the operating system's process of a row; None before its start."""
    if process.pid is None or process.pid_create_time is None:
        return None
    return StartedProcess(pid=process.pid, create_time=process.pid_create_time)


def _measure_shared_memory() -> str:
    try:
        return f"which has {psutil.disk_usage('/dev/shm').free // 2**20} MiB free"
    except OSError:
        return "if it has any"
