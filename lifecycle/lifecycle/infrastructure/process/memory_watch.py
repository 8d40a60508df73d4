"""Watching the memory of replicas: what they use, and the end of those that use more than they may."""

import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from lifecycle.domain.instance import JobProcess
from lifecycle.infrastructure.memory_kill import MemoryKill
from lifecycle.infrastructure.process.cgroups.job_groups import JobGroup
from lifecycle.infrastructure.process.deployer import ProcessDeployer, find_started_process
from lifecycle.infrastructure.process.log_file import append_line
from lifecycle.infrastructure.process.os_processes import (
    KILL_ATTEMPTS,
    StartedProcess,
    is_alive,
    kill_replica,
)
from lifecycle.infrastructure.process.process_table import PAGE_BYTES, ProcessEntry, ProcessTable

logger = get_logger(__name__)
_REFRESH_SECONDS = 0.5
_READ_SECONDS = 1
_EXACT_SECONDS = 5
_REST = 50
"""A measurement is followed by a rest of this many times its length, or of fewer where the limit may be near."""
_URGENT_REST = 4
_STORED_GROWTH = 1.1


@dataclass(frozen=True)
class MemoryUse:
    """The memory of a replica."""

    used_bytes: int
    peak_bytes: int
    limit_bytes: int
    read_at: float = 0
    """When it was read, by the clock that never goes back."""


@dataclass
class MemoryUses:
    """The memory that replicas use, by the ids of their rows; the monitor shows it at the jobs."""

    of_processes: dict[str, MemoryUse] = field(default_factory=dict)


class Gauge:
    """Measures one replica, exactly only where it has to: that walks all of its memory, a fifth of a second for a gigabyte."""

    def __init__(self, limit_bytes: int, clock: Clock) -> None:
        self.limit_bytes = limit_bytes
        self._clock = clock
        self._exact_bytes = 0
        self._rss_bytes = 0
        self._faults: dict[int, int] = {}
        self._due_at = self._urgent_at = float("-inf")

    def measure(self, family: list[ProcessEntry], table: ProcessTable) -> int:
        """Return what the processes use together, shared pages counted once."""
        rss_bytes = sum(process.rss_bytes for process in family)
        if len(family) == 1 and rss_bytes <= self.limit_bytes:
            return rss_bytes
        at_most = min(rss_bytes, self._estimate_at_most(family, rss_bytes))
        earliest = self._urgent_at if at_most > self.limit_bytes else self._due_at
        if self._clock.monotonic() >= earliest:
            self._measure_exactly(family, table)
            self._rss_bytes = rss_bytes
        return self._exact_bytes

    def _measure_exactly(self, family: list[ProcessEntry], table: ProcessTable) -> None:
        started_at = self._clock.monotonic()
        self._exact_bytes = table.measure_bytes(family)
        self._faults = {process.pid: process.faults for process in family}
        now = self._clock.monotonic()
        self._due_at = now + max(_EXACT_SECONDS, _REST * (now - started_at))
        self._urgent_at = now + _URGENT_REST * (now - started_at)

    def _estimate_at_most(self, family: list[ProcessEntry], rss_bytes: int) -> int:
        """Return a bound of what is used now: memory grows by pages, and a copy of a shared page is a fault."""
        faults = sum(process.faults - self._faults.get(process.pid, 0) for process in family)
        growth = max(0, rss_bytes - self._rss_bytes) + max(0, faults) * PAGE_BYTES
        return self._exact_bytes + growth


class MemoryWatch:
    """Looks at all replicas often: a cgroup tells about its group, and replicas without one are measured."""

    def __init__(self, deployer: ProcessDeployer, uses: MemoryUses, table: ProcessTable) -> None:
        self._deployer = deployer
        self._clock = deployer.clock
        self._uses = uses
        self._table = table
        self._processes: list[JobProcess] = []
        self._gauges: dict[tuple[str, int], Gauge] = {}
        self._refreshed_at = float("-inf")
        self._noted: set[tuple[str, int]] = set()

    def follow(self, processes: list[JobProcess]) -> None:
        """Watch these processes from now on, and no others."""
        self._processes = processes
        starts = {make_start_key(process) for process in processes}
        known = {process.id for process in processes}
        self._noted &= starts
        for start in self._gauges.keys() - starts:
            self._gauges.pop(start, None)
        for process_id in self._uses.of_processes.keys() - known:
            self._uses.of_processes.pop(process_id, None)

    def look(self) -> None:
        """Look at each process once; end those beyond their memory."""
        measured = []
        for process in self._processes:
            if process.pid is None:
                continue
            if (group := self._deployer.find_group(process)) is not None:
                self._look_at_group(process, group)
            else:
                measured.append(process)
        if measured:
            self._refresh_table()
        for process in measured:
            self._look_at_family(process)

    def note_kill(self, process: JobProcess) -> bool:
        """Note that the kernel killed a process for its memory, and return whether it did."""
        kill = self._deployer.find_memory_kill(process)
        if kill is not None:
            self._note(process, kill)
        return kill is not None

    def _look_at_group(self, process: JobProcess, group: JobGroup) -> None:
        if self.note_kill(process):
            group.kill()  # Version 1 kills one process of a job, and leaves the others without it.
        known = self._uses.of_processes.get(process.id)
        if known is None or self._clock.monotonic() - known.read_at >= _READ_SECONDS:
            used_bytes = group.read_used_bytes()
            if used_bytes:
                self._remember(process, used_bytes)

    def _look_at_family(self, process: JobProcess) -> None:
        started = find_started_process(process)
        if started is None or not is_alive(started):
            # The keeper ends what is left of a job whose first process has ended: its number may be another's by now.
            return
        family = self._table.list_family(started, process.id)
        if not family:
            return  # It was started after the table was read.
        start = make_start_key(process)
        if start not in self._gauges:
            self._gauges[start] = Gauge(self._read_limit(process), self._clock)
        gauge = self._gauges[start]
        used_bytes = gauge.measure(family, self._table)
        self._remember(process, used_bytes)
        if used_bytes > gauge.limit_bytes and is_alive(started):
            self._note(process, MemoryKill(gauge.limit_bytes, used_bytes))
            self._kill_family(started, process)

    def _kill_family(self, leader: StartedProcess, process: JobProcess) -> None:
        for _ in range(KILL_ATTEMPTS):
            self._table.refresh()
            for entry in self._table.list_family(leader, process.id):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(entry.pid, signal.SIGKILL)
        kill_replica(leader, process.id)

    def _refresh_table(self) -> None:
        now = self._clock.monotonic()
        if now - self._refreshed_at >= _REFRESH_SECONDS:
            self._refreshed_at = now
            self._table.refresh()

    def _remember(self, process: JobProcess, used_bytes: int) -> None:
        """Keep what a process uses now, and its peak; store the peak when it has grown by a good part."""
        known = self._uses.of_processes.get(process.id)
        former = max(known.peak_bytes if known else 0, process.peak_memory_bytes or 0)
        peak_bytes = max(former, used_bytes)
        limit_bytes = known.limit_bytes if known else self._read_limit(process)
        self._uses.of_processes[process.id] = MemoryUse(
            used_bytes, peak_bytes, limit_bytes, self._clock.monotonic()
        )
        if peak_bytes > (process.peak_memory_bytes or 0) * _STORED_GROWTH:
            process.peak_memory_bytes = peak_bytes
            self._store(process)

    def _note(self, process: JobProcess, kill: MemoryKill) -> None:
        start = make_start_key(process)
        if start in self._noted:
            return
        self._noted.add(start)
        logger.warning(f"job {process.job_name} {process.job_version} {kill}")
        append_line(Path(process.log_path), f"the job {kill}")
        used_bytes = kill.used_bytes or 0
        self._remember(process, used_bytes)
        process.peak_memory_bytes = max(process.peak_memory_bytes or 0, used_bytes)
        self._store(process, str(kill))

    def _store(self, process: JobProcess, kill: str | None = None) -> None:
        try:
            with self._deployer.uow() as uow:
                uow.processes.note_memory(process.id, process.peak_memory_bytes, kill)
        except Exception as error:  # noqa: BLE001 - a database that is away must not keep a job beyond its limit alive
            logger.warning(f"the memory of {process.job_name} can't be noted: {error}")

    def _read_limit(self, process: JobProcess) -> int:
        return self._deployer.read_launch(process).memory_bytes or sys.maxsize


def make_start_key(process: JobProcess) -> tuple[str, int]:
    """Return the key of one start of a replica: what is known of one start says nothing about the next."""
    return process.id, process.restarts
