"""Reading from /proc which processes belong to a replica, and what they use."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lifecycle.infrastructure.process.plan import PROCESS_VARIABLE

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
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


class ProcessTable:
    """The processes of the machine, and the replicas that they belong to; empty where there is no /proc."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = str(proc)
        self._marks: dict[tuple[int, int], str] = {}
        self._newest_pid = b""
        self._entries: list[ProcessEntry] = []
        self._children: dict[int, list[ProcessEntry]] = {}

    def refresh(self) -> None:
        """Read all processes again, if any was started since the last time."""
        newest_pid = self._read("loadavg").rpartition(b" ")[2]
        if newest_pid and newest_pid == self._newest_pid:
            return
        self._newest_pid = newest_pid
        with suppress(OSError), os.scandir(self._proc) as files:
            found = (self.find(int(file.name)) for file in files if file.name.isdecimal())
            self._entries = [entry for entry in found if entry]
        self._children = {}
        for entry in self._entries:
            self._children.setdefault(entry.parent, []).append(entry)
        self._read_marks()

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

    def list_family(self, leader: int, process_id: str) -> list[ProcessEntry]:
        """List the processes of a replica as they are now: its session, all descendants, and those with its mark."""
        family = self._list_known_family(leader, process_id)
        # A member stays one when its parent ends and its own variables are gone.
        self._marks |= {(entry.pid, entry.start_ticks): process_id for entry in family}
        now = ((old, self.find(old.pid)) for old in family)
        return [new for old, new in now if new and new.start_ticks == old.start_ticks]

    def measure_bytes(self, processes: Iterable[ProcessEntry]) -> int:
        """Return the memory of processes together; pages that they share are counted once."""
        return sum(self._read_pss(process) for process in processes)

    def _list_known_family(self, leader: int, process_id: str) -> list[ProcessEntry]:
        waiting = [entry for entry in self._entries if self._is_member(entry, leader, process_id)]
        family: dict[int, ProcessEntry] = {}
        while waiting:
            entry = waiting.pop()
            if entry.pid not in family:
                family[entry.pid] = entry
                waiting += self._children.get(entry.pid, [])
        return list(family.values())

    def _is_member(self, entry: ProcessEntry, leader: int, process_id: str) -> bool:
        mark = self._marks.get((entry.pid, entry.start_ticks))
        return leader in (entry.pid, entry.session) or mark == process_id

    def _read_marks(self) -> None:
        """Read the marks of processes that were not known; a child has its parent's, whatever it does later."""
        marks = {}
        for entry in self._entries:
            key = entry.pid, entry.start_ticks
            mark = self._marks.get(key)
            marks[key] = self._read_mark(entry.pid) if mark is None else mark
        self._marks = marks

    def _read_mark(self, pid: int) -> str:
        variables = self._read(f"{pid}/environ").split(b"\0")
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
