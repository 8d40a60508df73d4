"""Keeps process jobs running: starts again what crashed, ends what nobody knows, keeps logs small."""

import signal
from datetime import timedelta
from pathlib import Path

from racetrack_client.log.logs import get_logger

from lifecycle.database.repositories.processes import JobProcess, ProcessState
from lifecycle.infrastructure.process.deployer import ProcessDeployer, started_process
from lifecycle.infrastructure.process.launch import is_alive, list_marked_processes, signal_group
from lifecycle.infrastructure.process.log_file import rotate

logger = get_logger(__name__)
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30


class ProcessKeeper:
    """Looks after the processes of serving instances; those that start belong to their deployment."""

    def __init__(self, deployer: ProcessDeployer) -> None:
        self.deployer = deployer
        self.uow = deployer.uow
        self.clock = deployer.clock

    def keep(self) -> None:
        """Start dead processes of serving instances again, each after a pause that grows with its crashes."""
        with self.uow.reading() as uow:
            serving = {instance.id for instance in uow.instances.list_serving()}
            processes = [each for each in uow.processes.list_all() if each.instance_id in serving]
        for process in processes:
            rotate(Path(process.log_path))
            if process.state != ProcessState.STOPPING and not self._lives(process):
                self._restart(process)

    def end_strangers(self) -> None:
        """End processes of this data directory without a row: left by a service that was killed while starting them."""
        with self.uow.reading() as uow:
            known = {process.pid for process in uow.processes.list_all()}
            expected = {
                process.instance_id for process in uow.processes.list_all() if process.pid is None
            }
        mark = str(self.deployer.config.job_logs_dir.resolve())
        for process, instance_id in list_marked_processes(mark):
            if process.pid not in known and instance_id not in expected:
                logger.warning(
                    f"ending process {process.pid} of instance {instance_id}, which nobody expects"
                )
                signal_group(process, signal.SIGKILL)

    def stop_all(self) -> None:
        """End the processes of all jobs, which come back at the next start of the platform."""
        mark = str(self.deployer.config.job_logs_dir.resolve())
        processes = [process for process, _ in list_marked_processes(mark)]
        for process in processes:
            signal_group(process, signal.SIGTERM)
        deadline = self.clock.monotonic() + 5
        while any(is_alive(process) for process in processes) and self.clock.monotonic() < deadline:
            self.clock.sleep(0.05)
        for process in processes:
            signal_group(process, signal.SIGKILL)

    def _lives(self, process: JobProcess) -> bool:
        found = started_process(process)
        return found is not None and is_alive(found)

    def _restart(self, process: JobProcess) -> None:
        now = self.clock.now()
        if process.next_start_at is not None and now < process.next_start_at:
            return
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(process.restarts, 10))
        with self.uow() as uow:
            if not uow.processes.claim_restart(process, now + timedelta(seconds=pause)):
                return
        process.restarts += 1
        process.next_start_at = now + timedelta(seconds=pause)
        logger.warning(
            f"job {process.job_name} {process.job_version} crashed; starting it again ({process.restarts})"
        )
        self.deployer.launch(process)
