"""Finding the places of this machine where a platform may make control groups."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CONTROLLERS = ("memory", "cpu", "pids")
SERVICES_LEAF = "racetrack-services"
"""The group that the platform's own processes move to in a place that they share with jobs."""


@dataclass(frozen=True)
class CgroupPlace:
    """Folders in which groups may be made, by their controllers; version 2 has one folder for all controllers."""

    version: int
    folders: dict[str, Path]


@dataclass(frozen=True)
class _Mount:
    folder: Path
    root: str
    """The group that is mounted there; containers may see a part of the tree only."""
    kind: str
    options: list[str]


def list_places(proc: Path = Path("/proc")) -> list[CgroupPlace]:
    """List the places where memory can be limited and groups may be made, the best first.

    The best is the group that the platform itself runs in, where its service manager has delegated it: what limits
    the platform then limits its jobs, too. Otherwise it is the top of the tree, where only root may make groups.
    """
    mounts = list(_list_mounts(proc))
    unified = [mount for mount in mounts if mount.kind == "cgroup2" and _has_memory(mount.folder)]
    own = [found for mount in unified if (found := _find_delegated(mount, proc))]
    tops = [mount.folder for mount in unified if _may_make_groups(mount.folder)]
    places = [CgroupPlace(2, dict.fromkeys(CONTROLLERS, folder)) for folder in own + tops]
    old = {
        controller: mount.folder
        for mount in mounts
        for controller in CONTROLLERS
        if mount.kind == "cgroup" and controller in mount.options and _may_make_groups(mount.folder)
    }
    return places + ([CgroupPlace(1, old)] if "memory" in old else [])


def _list_mounts(proc: Path) -> Iterator[_Mount]:
    try:
        text = (proc / "self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return
    for line in text.split("\n"):
        of_mount, _, of_tree = line.partition(" - ")
        match of_mount.split(" "), of_tree.split(" ", 2):
            case [_, _, _, root, folder, *_], [kind, _, options]:
                yield _Mount(Path(_unescape(folder)), _unescape(root), kind, options.split(","))


def _unescape(text: str) -> str:
    """Return a path in which the kernel has written blanks as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda number: chr(int(number[1], 8)), text)


def _has_memory(folder: Path) -> bool:
    with suppress(OSError):
        return "memory" in (folder / "cgroup.controllers").read_text().split()
    return False


def _find_delegated(mount: _Mount, proc: Path) -> Path | None:
    """Return the group that this process runs in, if the service manager has delegated it to the platform."""
    try:
        lines = (proc / "self/cgroup").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    path = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")
    inside = path.removeprefix(mount.root.rstrip("/")).strip("/")
    folder = mount.folder / inside
    if folder.name == SERVICES_LEAF:
        folder = folder.parent
    return folder if _is_delegated(folder) and _may_make_groups(folder) else None


def _is_delegated(folder: Path) -> bool:
    # systemd marks the groups of units with `Delegate=yes`; in any other it changes what it likes.
    for name in ("user.delegate", "trusted.delegate"):
        with suppress(OSError):
            if os.getxattr(folder, name) == b"1":
                return True
    return False


def _may_make_groups(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)
