"""Numbers of users that programs of strangers run as, and whether they can do so on this machine."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from racetrack_commons.os_users.enter import find_closed_parent
from racetrack_commons.os_users.entrance import Entrance, hide_variables, list_python_places
from racetrack_commons.settings import SettingsError

_LEAST = 1000
_PROBE = "print(flush=True); input()"
_PROBE_MARK = "RACETRACK_PROBE"
_SUBORDINATE_FILES = (Path("/etc/subuid"), Path("/etc/subgid"))


@dataclass(frozen=True)
class UserRange:
    """Numbers that no user of the machine has. They need no entries in /etc/passwd."""

    first: int
    last: int

    @property
    def numbers(self) -> range:
        """All numbers of the range."""
        return range(self.first, self.last + 1)

    def check(self) -> None:
        """Raise SettingsError when the range is empty, or when users of this machine are in it."""
        if not _LEAST <= self.first <= self.last < 2**31:
            raise SettingsError(
                f"no programs can run as users {self.first} to {self.last}: choose a range from {_LEAST} upwards"
            )
        if taken := next(self._list_taken(), None):
            raise SettingsError(
                f"the range {self.first} to {self.last} holds {taken}, whose files jobs could change: choose another one"
            )

    def find_obstacle(self, *reach: Path) -> str | None:
        """Return why programs can't run as users of this range here, and reach these paths; None when they can."""
        if not sys.platform.startswith("linux"):
            return "only Linux can do that"
        if os.geteuid() != 0:
            return "the platform does not run as root"
        return _probe(self.first, tuple(sorted(set(_list_ways(reach)))))

    def _list_taken(self) -> Iterator[str]:
        for user in pwd.getpwall():
            if user.pw_uid in self.numbers:
                yield f"user {user.pw_name} ({user.pw_uid})"
        for file in _SUBORDINATE_FILES:
            for owner, first, count in _list_subordinate(file):
                if first <= self.last and self.first < first + count:
                    yield f"the subordinate users of {owner} ({file})"


def _list_subordinate(file: Path) -> Iterator[tuple[str, int, int]]:
    with suppress(OSError):
        for line in file.read_text(errors="replace").splitlines():
            match line.split(":"):
                case [owner, first, count] if first.isdigit() and count.isdigit():
                    yield owner, int(first), int(count)


def _list_ways(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the entries of closed directories that lead to the paths, as far as they exist."""
    for path in paths:
        existing = next(
            each for each in (path.absolute(), *path.absolute().parents) if each.exists()
        )
        if (parent := find_closed_parent(str(existing))) is not None:
            yield Path(parent) / existing.relative_to(parent).parts[0]


@lru_cache
def _probe(user_id: int, reach: tuple[Path, ...]) -> str | None:
    """Start a program as the user; the platform must be able to tell it from others, which containers may forbid."""
    places = list_python_places(Path(sys.executable))
    entrance = Entrance(user_id=user_id, reach=[*places, *reach])
    with subprocess.Popen(
        entrance.make_command([sys.executable, "-I", "-S", "-c", _PROBE]),
        env=hide_variables({_PROBE_MARK: "1"}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        is_started = process.stdout is not None and process.stdout.readline() == "\n"
        seen = is_started and _has_mark(process.pid)
        _, errors = process.communicate("\n")
    if not is_started:
        return errors.strip().rpartition("\n")[2]
    return (
        None
        if seen
        else "the platform may not read the variables of its jobs (it lacks CAP_SYS_PTRACE)"
    )


def _has_mark(pid: int) -> bool:
    with suppress(OSError):
        return _PROBE_MARK.encode() in Path(f"/proc/{pid}/environ").read_bytes()
    return False
