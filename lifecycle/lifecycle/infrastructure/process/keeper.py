"""The keeper of the target `process`: restarts crashed and silent processes, ends unknown ones, and keeps logs small."""

import signal
from datetime import timedelta
from pathlib import Path

from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import DeploymentStatus

from lifecycle.deployer.instances import InstanceNotStarted
from lifecycle.domain.instance import JobInstance, JobProcess, ProcessState
from lifecycle.infrastructure.answer_watch import PROBE_SECONDS, AnswerWatch, WatchedReplica
from lifecycle.infrastructure.model import KeeperTask, TargetKeeper
from lifecycle.infrastructure.process.deployer import (
    ProcessDeployer,
    find_started_process,
    make_group_name,
)
from lifecycle.infrastructure.process.log_file import append_line, remove_old_logs, rotate
from lifecycle.infrastructure.process.memory_watch import MemoryWatch
from lifecycle.infrastructure.process.os_processes import (
    is_alive,
    kill_replica,
    list_marked_processes,
    signal_group,
)
from lifecycle.infrastructure.process.plan import make_data_mark
from lifecycle.monitor.health import check_answers

logger = get_logger(__name__)
KEEP_SECONDS = 0.5
WATCH_SECONDS = 0.25
UNKNOWN_PROCESSES_SECONDS = 30
OLD_LOGS_SECONDS = 3600
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30
HEALTHY_SECONDS = 60
STOP_SECONDS = 5
SETTLING_SECONDS = 30


class ProcessKeeper(TargetKeeper):
    """Looks after the processes of serving instances; starting instances belong to their deployments."""

    def __init__(
        self,
        deployer: ProcessDeployer,
        memory_watch: MemoryWatch,
        answer_watch: AnswerWatch,
        settling_seconds: float = SETTLING_SECONDS,
    ) -> None:
        self.deployer = deployer
        self.memory_watch = memory_watch
        self.answer_watch = answer_watch
        self.settling_seconds = settling_seconds
        self.uow = deployer.uow
        self.clock = deployer.clock

    def list_tasks(self) -> list[KeeperTask]:
        """List the tasks of this target; crashes are looked for often, because a crashed job does not answer."""
        return [
            KeeperTask("keep-processes", KEEP_SECONDS, self.keep),
            KeeperTask("watch-answers", PROBE_SECONDS, self.watch_answers),
            KeeperTask("watch-memory", WATCH_SECONDS, self.memory_watch.look),
            KeeperTask("end-strangers", UNKNOWN_PROCESSES_SECONDS, self.end_unknown_processes),
            KeeperTask("remove-old-logs", OLD_LOGS_SECONDS, self.remove_old_logs),
        ]

    def keep(self) -> None:
        """Start the ended processes of serving instances again, each after a pause that grows with its crashes."""
        with self.uow.reading() as uow:
            serving = {instance.id for instance in uow.instances.list_serving()}
            processes = uow.processes.list_all()
        self.memory_watch.follow(processes)
        for process in (each for each in processes if each.instance_id in serving):
            try:
                self._look_after(process)
            except (InstanceNotStarted, ServiceUnavailable, OSError) as error:
                logger.error(
                    f"job {process.job_name} {process.job_version} can't be kept running: {error}"
                )

    def watch_answers(self) -> None:
        """Kill the processes of serving instances that run but do not answer; `keep` starts them again."""
        with self.uow.reading() as uow:
            serving = {instance.id: instance for instance in uow.instances.list_serving()}
            processes = [one for one in uow.processes.list_all() if one.instance_id in serving]
        alive = {
            (one.id, found.create_time): one
            for one in processes
            if one.state == ProcessState.STARTED
            and (found := find_started_process(one))
            and is_alive(found)
        }
        watched = (self._watch(serving[one.instance_id], one) for one in alive.values())
        for silent in self.answer_watch.list_silent(watched):
            process = alive[silent.start]
            text = f"the job {silent.description}; it is started again"
            logger.warning(f"job {process.job_name} {process.job_version}: {text}")
            append_line(Path(process.log_path), text)
            self.deployer.kill(process)

    def end_unknown_processes(self) -> None:
        """End this platform's processes that have no row, left by a service that was killed while it started them."""
        # The processes are read before the rows, so each process that is found has its row already. A process that
        # has just been started is left out, because its pid may not be in its row yet.
        marked = [
            each
            for each in list_marked_processes(self._mark())
            if self._is_settled(each.process.create_time)
        ]
        group_names = self.deployer.groups.list_names()
        with self.uow.reading() as uow:
            processes = uow.processes.list_all()
        known = {process.pid for process in processes}
        expected = {process.instance_id for process in processes if process.pid is None}
        for each in marked:
            if each.process.pid not in known and each.instance_id not in expected:
                logger.warning(
                    f"ending process {each.process.pid} of instance {each.instance_id}, which has no row"
                )
                kill_replica(each.process, each.process_id)
        self._remove_groups(set(group_names) - {make_group_name(process) for process in processes})
        self._stop_ended_instances({each.instance_id for each in processes})

    def _stop_ended_instances(self, instance_ids: set[str]) -> None:
        """Stop instances of ended deployments, left by a service that was killed before it noticed their end."""
        with self.uow.reading() as uow:
            ended = [
                each
                for each in instance_ids - uow.instances.list_ids()
                if (deployment := uow.deployments.find(each))
                and deployment.status != DeploymentStatus.IN_PROGRESS
            ]
        for instance_id in ended:
            logger.warning(f"stopping instance {instance_id}, whose deployment has ended")
            self.deployer.stop_instance(instance_id, STOP_SECONDS)

    def remove_old_logs(self) -> None:
        """Remove the logs of ended processes, `job_log_retention_days` after they were last written."""
        if homes := self.deployer.users.remove_homes():
            logger.info(f"removed {len(homes)} home directories of deleted jobs")
        config = self.deployer.config
        if not config.job_log_retention_days:
            return
        with self.uow.reading() as uow:
            kept = {Path(process.log_path) for process in uow.processes.list_all()}
        before = self.clock.now() - timedelta(days=config.job_log_retention_days)
        if removed := remove_old_logs(config.job_logs_dir.resolve(), kept, before):
            logger.info(f"removed {len(removed)} old logs of jobs")

    def stop_all(self) -> None:
        """End the processes of all jobs; they come back at the next start of the platform."""
        marked = list_marked_processes(self._mark())
        for each in marked:
            signal_group(each.process, signal.SIGTERM)
        deadline = self.clock.monotonic() + STOP_SECONDS
        while any(is_alive(each.process) for each in marked) and self.clock.monotonic() < deadline:
            self.clock.sleep(0.05)
        for each in marked:
            kill_replica(each.process, each.process_id)
        self.deployer.groups.kill_all()

    def _watch(self, instance: JobInstance, process: JobProcess) -> WatchedReplica:
        config, started = self.deployer.config, process.pid_create_time or 0.0
        secret = self.deployer.secrets.make_shown_secret(instance)

        def probe() -> None:
            check_answers(f"http://{config.job_host}:{process.port}", secret)
            self.deployer.check_address(process, secret)

        is_young = self.clock.now().timestamp() - started < config.timeout_until_job_ready
        return WatchedReplica(instance.id, (process.id, started), probe, is_young)

    def _look_after(self, process: JobProcess) -> None:
        _rotate(Path(process.log_path))
        started = find_started_process(process)
        if process.state == ProcessState.STOPPING or (started is not None and is_alive(started)):
            return
        if started is not None:
            self.memory_watch.note_kill(process)
            self.deployer.kill(process)  # Children of the crashed process may hold its port.
        self._restart(process)

    def _restart(self, process: JobProcess) -> None:
        now = self.clock.now()
        if process.next_start_at is not None and now < process.next_start_at:
            return
        next_start_at = now + timedelta(seconds=self._pause_seconds(process))
        with self.uow() as uow:
            if not uow.processes.claim_restart(process, next_start_at):
                return
        name = f"{process.job_name} {process.job_version}"
        logger.warning(f"job {name} crashed; starting it again ({process.restarts + 1})")
        self.deployer.launch(process.model_copy(update={"restarts": process.restarts + 1}))

    def _remove_groups(self, names: set[str]) -> None:
        """Remove the cgroups of replicas that have ended, left by a service that was killed meanwhile."""
        for name in names:
            group = self.deployer.groups.find(name)
            if group is not None and self._is_settled(group.find_create_time() or 0):
                group.kill()
                group.remove()

    def _pause_seconds(self, process: JobProcess) -> float:
        """Return the pause before the next restart: it doubles with each crash, and is short again after a healthy run."""
        last = process.next_start_at
        if last is None or self.clock.now() - last > timedelta(seconds=HEALTHY_SECONDS):
            return FIRST_PAUSE_SECONDS
        return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(process.restarts, 10))

    def _is_settled(self, create_time: float) -> bool:
        return self.clock.now().timestamp() - create_time > self.settling_seconds

    def _mark(self) -> str:
        return make_data_mark(self.deployer.config)


def _rotate(log: Path) -> None:
    """Keep a log small; a failure is logged, and the job is looked after all the same."""
    try:
        rotate(log)
    except OSError as error:
        logger.warning(f"log {log} can't be moved aside: {error}")
