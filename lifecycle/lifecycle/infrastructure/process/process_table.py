"""Reading from /proc which processes belong to a replica, and what they use."""

import os
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lifecycle.infrastructure.process.os_processes import StartedProcess
from lifecycle.infrastructure.process.plan import PROCESS_VARIABLE

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_Key = TypeVar("_Key", bound=Hashable)
_Start = tuple[str, float]
"""One start of a replica: the id of its row, and when its leader was started."""
_MARK = f"{PROCESS_VARIABLE}=".encode()


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """One process of the machine."""

    pid: int
    parent: int
    session: int
    faults: int
    """The number of pages that it got without reading a disk."""
    start_ticks: int
    rss_bytes: int
    """Its resident memory; a page that it shares with others counts as a whole."""

    @property
    def key(self) -> tuple[int, int]:
        """The pid and the start, which together no other process of the machine has."""
        return self.pid, self.start_ticks


class ProcessTable:
    """The processes of the machine, and the replicas that they belong to; empty where there is no /proc."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = str(proc)
        self._newest_pid = b""
        self._marks: dict[tuple[int, int], str] = {}
        self._starts: dict[tuple[int, int], _Start] = {}
        self._children: dict[int, list[ProcessEntry]] = {}
        self._of_sessions: dict[int, list[ProcessEntry]] = {}
        self._of_replicas: dict[str, list[ProcessEntry]] = {}
        self._of_starts: dict[_Start, list[ProcessEntry]] = {}

    def refresh(self) -> None:
        """Read all processes again, if any was started since the last time."""
        newest_pid = self._read("loadavg").rpartition(b" ")[2]
        if newest_pid and newest_pid == self._newest_pid:
            return
        self._newest_pid = newest_pid
        entries = self._list_entries()
        known = self._marks
        self._marks = {
            entry.key: known[entry.key] if entry.key in known else self._read_mark(entry.pid)
            for entry in entries
        }
        members = [entry for entry in entries if entry.key in self._starts]
        self._starts = {entry.key: self._starts[entry.key] for entry in members}
        self._children = _group_by(entries, lambda entry: entry.parent)
        self._of_sessions = _group_by(entries, lambda entry: entry.session)
        self._of_replicas = _group_by(entries, lambda entry: self._marks[entry.key])
        self._of_starts = _group_by(members, lambda entry: self._starts[entry.key])

    def find(self, pid: int) -> ProcessEntry | None:
        """Return the process as it is now; None when it has ended."""
        stat = self._read(f"{pid}/stat")
        if not stat:
            return None
        # The name of the program, which may hold anything, stands in parentheses before all that counts here.
        fields = stat[stat.rindex(b")") + 2 :].split(b" ", 22)
        return ProcessEntry(
            pid=pid,
            parent=int(fields[1]),
            session=int(fields[3]),
            faults=int(fields[7]),
            start_ticks=int(fields[19]),
            rss_bytes=int(fields[21]) * PAGE_BYTES,
        )

    def list_family(self, leader: StartedProcess, process_id: str) -> list[ProcessEntry]:
        """List the processes of a replica as they are now: its session, all descendants, and those with its mark.

        The caller has to know that the leader's pid is not another's by now.
        """
        family = self._list_known_family(leader, process_id)
        # A member of this start stays one when its parent ends and its own variables are gone.
        start = (process_id, leader.create_time)
        self._starts |= {entry.key: start for entry in family}
        now = ((old, self.find(old.pid)) for old in family)
        return [new for old, new in now if new and new.key == old.key]

    def measure_bytes(self, processes: Iterable[ProcessEntry]) -> int:
        """Return the memory of processes together; pages that they share are counted once."""
        return sum(self._read_pss(process) for process in processes)

    def _list_entries(self) -> list[ProcessEntry]:
        try:
            with os.scandir(self._proc) as files:
                found = [self.find(int(file.name)) for file in files if file.name.isdecimal()]
        except OSError:
            return []
        return [entry for entry in found if entry]

    def _list_known_family(self, leader: StartedProcess, process_id: str) -> list[ProcessEntry]:
        waiting = self._of_sessions.get(leader.pid, []) + self._of_replicas.get(process_id, [])
        waiting += self._children.get(leader.pid, [])
        waiting += self._of_starts.get((process_id, leader.create_time), [])
        family: dict[int, ProcessEntry] = {}
        while waiting:
            entry = waiting.pop()
            if entry.pid not in family:
                family[entry.pid] = entry
                waiting += self._children.get(entry.pid, [])
        return list(family.values())

    def _read_mark(self, pid: int) -> str:
        variables = self._read(f"{pid}/environ").split(b"\0")
        # A child has its parent's mark, whatever it does to its variables later.
        mark = next((each for each in variables if each.startswith(_MARK)), _MARK)
        return mark.removeprefix(_MARK).decode(errors="replace")

    def _read_pss(self, process: ProcessEntry) -> int:
        for line in self._read(f"{process.pid}/smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
        return (
            process.rss_bytes
        )  # Old kernels have no such file, and it is closed for programs of other users.

    def _read(self, file: str) -> bytes:
        try:
            with open(f"{self._proc}/{file}", "rb", buffering=0) as opened:  # noqa: PTH123 - read very often
                return opened.readall()
        except OSError:
            return b""


def _group_by(
    entries: list[ProcessEntry], get_key: Callable[[ProcessEntry], _Key]
) -> dict[_Key, list[ProcessEntry]]:
    groups: dict[_Key, list[ProcessEntry]] = {}
    for entry in entries:
        groups.setdefault(get_key(entry), []).append(entry)
    return groups
