"""Control groups of Linux, versions 1 and 2: one group for each start of a replica, which holds it to its limits."""

import hashlib
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from racetrack_client.log.logs import get_logger

from lifecycle.infrastructure.process.cgroups.cgroup_places import (
    CONTROLLERS,
    SERVICES_LEAF,
    CgroupPlace,
)

logger = get_logger(__name__)
_PERIOD_MICROSECONDS = 100_000
_LEAST_QUOTA_MICROSECONDS = 1000
_ATTEMPTS = 5


@dataclass(frozen=True)
class GroupLimits:
    """The most that the processes of a group may use together."""

    memory_bytes: int
    cpus: float | None = None
    """None: as many as there are."""
    threads: int | None = None
    """Processes and threads together. None: not limited by us."""


@dataclass(frozen=True)
class _Version:
    """The names of the files that tell of a group's memory."""

    usage: str
    cache: str
    """The key of `memory.stat` for the cache of files that the kernel takes back when memory is short."""
    peak: str
    limit: str
    kills: str
    """The file that counts processes killed for want of memory, as `oom_kill`."""


_VERSIONS = {
    1: _Version(
        usage="memory.usage_in_bytes",
        cache="total_inactive_file",
        peak="memory.max_usage_in_bytes",
        limit="memory.limit_in_bytes",
        kills="memory.oom_control",
    ),
    2: _Version(
        usage="memory.current",
        cache="inactive_file",
        peak="memory.peak",
        limit="memory.max",
        kills="memory.events",
    ),
}


class JobGroup:
    """The group of one start of a replica. Each controller has a folder for it; in version 2 that is the same one."""

    def __init__(self, version: int, folders: Mapping[str, Path]) -> None:
        self._version = version
        self._files = _VERSIONS[version]
        self._folders = folders

    @property
    def entries(self) -> list[Path]:
        """The files through which a process joins the group."""
        return [folder / "cgroup.procs" for folder in self._list_folders()]

    def make(self, limits: GroupLimits) -> None:
        """Make the group with its limits; raise OSError when its memory can't be limited."""
        for folder in self._list_folders():
            folder.mkdir(parents=True, exist_ok=True)
        for controller, file, value in _list_settings(self._version, limits):
            try:
                (self._folders[controller] / file).write_text(value)
            except (KeyError, OSError):
                if file == self._files.limit:
                    raise
                logger.debug(f"this machine does not know the limit {file}")

    def find_create_time(self) -> float | None:
        """Return when the group was made, in UNIX seconds; None when it is not there."""
        try:
            return self._folders["memory"].stat().st_ctime
        except OSError:
            return None

    def read_used_bytes(self) -> int | None:
        """Return the memory that the group uses, without caches that the kernel can take back; None when it is gone."""
        used = self._read_number(self._files.usage)
        if used is None:
            return None
        return max(0, used - self._read_values("memory.stat").get(self._files.cache, 0))

    def read_peak_bytes(self) -> int | None:
        """Return the most memory that the group has used, caches included; None where the kernel does not say."""
        return self._read_number(self._files.peak)

    def count_memory_kills(self) -> int:
        """Return how many processes of the group were killed for want of memory."""
        return self._read_values(self._files.kills).get("oom_kill", 0)

    def kill(self) -> None:
        """Kill all processes of the group, also those that have left the job's session."""
        if self._version == 2:
            with suppress(OSError):  # The file is there since Linux 5.14.
                (self._folders["memory"] / "cgroup.kill").write_text("1")
                return
        for _ in range(
            _ATTEMPTS
        ):  # Each pass finds the processes that were started during the one before.
            pids = self.list_pids()
            if not pids:
                return
            for pid in pids:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def list_pids(self) -> list[int]:
        """List the processes of the group."""
        try:
            return [int(line) for line in self.entries[0].read_text().split()]
        except OSError:
            return []

    def remove(self) -> bool:
        """Remove the group; return False while killed processes of it are still ending."""
        for folder in self._list_folders():
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True

    def _list_folders(self) -> list[Path]:
        return list(dict.fromkeys(self._folders.values()))

    def _read_number(self, file: str) -> int | None:
        try:
            return int((self._folders["memory"] / file).read_text())
        except (OSError, ValueError):
            return None

    def _read_values(self, file: str) -> dict[str, int]:
        try:
            lines = (self._folders["memory"] / file).read_text().splitlines()
        except OSError:
            return {}
        pairs = (line.split() for line in lines)
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}


class JobGroups:
    """The groups of one platform, below a folder of its own, which is made when it is first needed."""

    def __init__(
        self, platform_mark: str, places: list[CgroupPlace], proc: Path = Path("/proc")
    ) -> None:
        digest = hashlib.sha256(platform_mark.encode()).hexdigest()
        self._name = f"racetrack-{digest[:12]}"
        self._places = places
        self._proc = proc

    def find(self, name: str) -> JobGroup | None:
        """Return the group of that name, which may have to be made; None where the platform may make no groups."""
        if self._place is None:
            return None
        folders = {each: folder / name for each, folder in self._place.folders.items()}
        return JobGroup(self._place.version, folders)

    def kill_all(self) -> None:
        """Kill what is left in the groups, and remove those that are empty with the platform's own folders."""
        for name in self.list_names():
            if (group := self.find(name)) is not None:
                group.kill()
                group.remove()
        for folder in self._place.folders.values() if self._place else ():
            with suppress(OSError):
                folder.rmdir()

    def list_names(self) -> list[str]:
        """List the names of the groups that are there."""
        if self._place is None:
            return []
        names: set[str] = set()
        for folder in self._place.folders.values():
            with suppress(
                FileNotFoundError
            ):  # Another program has tidied up; the next group makes it again.
                names.update(each.name for each in folder.iterdir() if each.is_dir())
        return sorted(names)

    @cached_property
    def _place(self) -> CgroupPlace | None:
        """The platform's own folders; None where it may make no groups."""
        for place in self._places:
            try:
                return self._prepare(place)
            except OSError as error:
                logger.debug(f"cgroups can't be made in {place.folders['memory']}: {error}")
        if (self._proc / "self/stat").exists():
            logger.info(
                "jobs have no cgroups here: they are measured, and ended beyond their memory"
            )
        else:
            logger.warning(
                "jobs have no cgroups here, and there is no /proc to measure them by: their memory is not limited"
            )
        return None

    def _prepare(self, place: CgroupPlace) -> CgroupPlace:
        if place.version == 2:
            _pass_controllers_on(place.folders["memory"])
        folders = {}
        for controller, parent in place.folders.items():
            folder = parent / self._name
            try:
                folder.mkdir(exist_ok=True)
            except OSError:
                if controller == "memory":
                    raise
                continue
            folders[controller] = folder
        if place.version == 2:
            _pass_controllers_on(folders["memory"])
        return CgroupPlace(place.version, folders)


def _list_settings(version: int, limits: GroupLimits) -> list[tuple[str, str, str]]:
    """List controller, file and content of each limit; swap is no way around the limit of memory."""
    memory = str(limits.memory_bytes)
    if version == 1:
        settings = [
            ("memory", "memory.limit_in_bytes", memory),
            ("memory", "memory.memsw.limit_in_bytes", memory),
        ]
    else:
        settings = [
            ("memory", "memory.max", memory),
            ("memory", "memory.swap.max", "0"),
            ("memory", "memory.oom.group", "1"),
        ]
    if limits.threads is not None:
        settings.append(("pids", "pids.max", str(limits.threads)))
    if limits.cpus is not None:
        settings += _list_cpu_settings(version, limits.cpus)
    return settings


def _list_cpu_settings(version: int, cpus: float) -> list[tuple[str, str, str]]:
    quota = max(_LEAST_QUOTA_MICROSECONDS, round(cpus * _PERIOD_MICROSECONDS))
    if version == 2:
        return [("cpu", "cpu.max", f"{quota} {_PERIOD_MICROSECONDS}")]
    return [
        ("cpu", "cpu.cfs_period_us", str(_PERIOD_MICROSECONDS)),
        ("cpu", "cpu.cfs_quota_us", str(quota)),
    ]


def _pass_controllers_on(folder: Path) -> None:
    """Let the groups in the folder be limited; raise OSError when their memory can't be."""
    # Only the root of the whole tree may hold processes and limit its children, too; it has no type.
    for attempt in range(_ATTEMPTS):
        if (folder / "cgroup.type").exists():
            _move_processes(folder, folder / SERVICES_LEAF)
        try:
            (folder / "cgroup.subtree_control").write_text("+memory")
        except OSError:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            break
    for controller in CONTROLLERS[1:]:
        with suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def _move_processes(source: Path, leaf: Path) -> None:
    pids = (source / "cgroup.procs").read_text().split()
    if not pids:
        return
    leaf.mkdir(exist_ok=True)
    for pid in pids:
        with suppress(OSError):
            (leaf / "cgroup.procs").write_text(pid)
