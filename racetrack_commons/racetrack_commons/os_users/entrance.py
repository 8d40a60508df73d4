"""Starting a program with fewer rights than the service has."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from racetrack_commons.os_users import enter


@dataclass(frozen=True)
class Confinement:
    """The files and ports that Landlock leaves to a program: all others are out of its reach, whatever its user may do."""

    readable: Sequence[Path]
    """The files and directories that it reads, and runs programs from; those that do not exist are skipped."""
    writable: Sequence[Path]
    """The files and directories that it also changes."""
    ports: Sequence[int]
    """The TCP ports that it listens on; 0 stands for one that the kernel chooses."""

    def list_options(self) -> list[str]:
        """List the options of `enter.py`."""
        return [
            *(f"read={path}" for path in self.readable),
            *(f"write={path}" for path in self.writable),
            *(f"port={port}" for port in self.ports),
        ]


@dataclass(frozen=True)
class Entrance:
    """The way into a program: the groups that it joins, the user that it becomes, and what that user must reach."""

    cgroups: Sequence[Path] = ()
    """The `cgroup.procs` of control groups."""
    user_id: int | None = None
    """The number of user and group; None: those of the service."""
    reach: Sequence[Path] = ()
    """Absolute paths that the user reaches although a directory above them is closed."""
    confinement: Confinement | None = None
    """The files and ports that Landlock leaves to it; None: those that its user has."""

    def make_command(self, command: Sequence[str]) -> list[str]:
        """Return the command that leads to another one; it has to be started with `hide_variables`."""
        options = [f"cgroup={path}" for path in self.cgroups]
        if self.user_id is not None:
            options += [f"reach={path}" for path in self.reach if is_behind_closed(path)]
            options.append(f"user={self.user_id}")
        if self.confinement is not None:
            options += self.confinement.list_options()
        return [sys.executable, "-I", "-S", enter.__file__, *options, "--", *command]


def hide_variables(environment: Mapping[str, str], seen: Iterable[str] = ()) -> dict[str, str]:
    """Return variables that act on a program only after its entrance; those in `seen` can be read from the beginning."""
    hidden = {f"{enter.LATER.decode()}{name}": value for name, value in environment.items()}
    return hidden | {name: environment[name] for name in seen if name in environment}


def is_behind_closed(path: Path) -> bool:
    """Return whether a directory above an absolute path lets no other users pass."""
    return enter.find_closed_parent(str(path)) is not None


def list_python_places(python: Path) -> list[Path]:
    """List the directories that a user must reach to run a Python: that of the environment and that of the interpreter."""
    return list(dict.fromkeys((python.parents[1], python.resolve().parents[1])))
