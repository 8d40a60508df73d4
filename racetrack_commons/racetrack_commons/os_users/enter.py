"""A program that gives up its rights and then becomes another: `enter.py OPTION… -- COMMAND…`.

    cgroup=FILE    joins the control group whose `cgroup.procs` the file is
    reach=PATH     makes a path reachable that lies in directories which are closed to others, in a view of its own
    user=NUMBER    becomes the user and the group of this number, without other groups and without capabilities
    read=PATH      is held by Landlock to the paths of these options: it reads and runs what is below this one
    write=PATH     the same, and it changes what is below this one
    port=NUMBER    the same, and it listens on this TCP port (0: on one that the kernel chooses)

In any case neither the program nor its children get rights back, from a file of root with the set-user-ID bit for example.

This runs in the place of the other program, because code between fork and exec would not be safe in a service with
threads. Variables of the other program have the prefix `LATER` until then: one such as LD_PRELOAD would bring a
stranger's code in here, while there are rights left. It imports nothing of ours, because a job waits for its start.
"""

import ctypes
import os
import struct
import sys

LATER = b"RACETRACK_LATER_"
"""The prefix of the variables that the other program gets."""
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_SLAVE = 2, 4, 4096, 16384, 1 << 19
_OPEN_TO_ALL = 0o711
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The system calls of Landlock, whose numbers are the same on all machines."""
_GET_VERSION, _PATH_BENEATH, _TCP_PORT = 1, 1, 2
_READ = 0b1101  # run, read a file, list a directory
_OF_FILES = 0b1100_0000_0000_0111  # run, write, read, truncate, control a device
_FILE_RIGHTS = (13, 13, 14, 15, 15, 16)
"""The number of rights to files in each version of Landlock; the last number holds for later ones."""
_NETWORK_VERSION, _LISTEN = 4, 1
_CONFINEMENT = ("read", "write", "port")
_SCOPE_VERSION, _SCOPES = 6, 0b11  # abstract sockets and signals stay among the confined programs


def main(arguments: list[str]) -> None:
    """Give up rights as the options say, then become the program of the command."""
    end = arguments.index("--")
    options = [option.partition("=")[::2] for option in arguments[:end]]
    command = arguments[end + 1 :]
    try:
        _join_groups([value for name, value in options if name == "cgroup"])
        _open_ways([value for name, value in options if name == "reach"])
        _give_up_rights([int(value) for name, value in options if name == "user"])
        _confine(options)
    except OSError as error:
        sys.exit(f"racetrack: the program can't be held to its limits: {error}")
    try:
        os.execvpe(command[0], command, _collect_variables())
    except OSError as error:
        sys.exit(f"racetrack: {command[0]} can't be started: {error.strerror}")


def find_closed_parent(path: str) -> "str | None":
    """Return the topmost directory above an absolute path that other users can't pass; None when all are open."""
    parts = path.split("/")[1:-1]
    for count in range(1, len(parts) + 1):
        parent = "/" + "/".join(parts[:count])
        if not os.stat(parent).st_mode & 0o001:  # noqa: PTH116
            return parent
    return None


def read_landlock_version() -> int:
    """Return the version of Landlock that the kernel has: 4 knows ports, 6 knows signals; 0 when there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    version: int = libc.syscall(_CREATE_RULESET, None, 0, _GET_VERSION)
    return max(0, version)


def _join_groups(files: "list[str]") -> None:
    for file in files:
        with open(file, "w") as members:  # noqa: PTH123 - pathlib takes longer to import than all else here
            members.write("0")


def _open_ways(paths: "list[str]") -> None:
    """Replace each closed directory, in the view of this process, by one that holds nothing but the way to the paths."""
    inner: dict[str, list[str]] = {}
    for path in paths:
        if (parent := find_closed_parent(path)) is not None:
            inner.setdefault(parent, []).append(path)
    if not inner:
        return
    here = os.getcwd()  # noqa: PTH109
    os.umask(0)
    _call("unshare", _CLONE_NEWNS)
    _mount("none", "/", None, _MS_REC | _MS_SLAVE)
    for parent, ways in inner.items():
        # Opened after `unshare`, because the kernel binds nothing of another view.
        sources = [os.open(path, os.O_PATH) for path in ways]
        _mount("racetrack", parent, "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode={_OPEN_TO_ALL:o}")
        for source, path in zip(sources, ways, strict=True):
            _bind(source, path)
    os.chdir(here)


def _bind(descriptor: int, path: str) -> None:
    source = f"/proc/self/fd/{descriptor}"
    if os.path.isdir(source):  # noqa: PTH112
        os.makedirs(path, _OPEN_TO_ALL, exist_ok=True)  # noqa: PTH103
    else:
        os.makedirs(os.path.dirname(path), _OPEN_TO_ALL, exist_ok=True)  # noqa: PTH103, PTH120
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o444))
    _mount(source, path, None, _MS_BIND | _MS_REC)
    os.close(descriptor)


def _give_up_rights(users: "list[int]") -> None:
    for user in users:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        os.umask(0o077)
    if sys.platform.startswith("linux"):
        _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _confine(options: "list[tuple[str, str]]") -> None:
    """Give up all files and ports but those of the options, for good and for all children."""
    allowed = [(kind, value) for kind, value in options if kind in _CONFINEMENT]
    if not allowed:
        return
    version = read_landlock_version()
    if not version:
        raise OSError("the kernel has no Landlock")
    rights = 2 ** _FILE_RIGHTS[min(version, len(_FILE_RIGHTS)) - 1] - 1
    ruleset = _create_ruleset(version, rights)
    for kind, value in allowed:
        if kind != "port":
            _allow_path(ruleset, value, rights if kind == "write" else rights & _READ)
        elif version >= _NETWORK_VERSION:
            _syscall(_ADD_RULE, ruleset, _TCP_PORT, struct.pack("=QQ", _LISTEN, int(value)), 0)
    _syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _create_ruleset(version: int, rights: int) -> int:
    handled = [rights]
    if version >= _NETWORK_VERSION:
        handled.append(_LISTEN)
    if version >= _SCOPE_VERSION:
        handled.append(_SCOPES)
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    return _syscall(_CREATE_RULESET, attributes, len(attributes), 0)


def _allow_path(ruleset: int, path: str, allowed: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):  # noqa: PTH112
        allowed &= _OF_FILES
    _syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", allowed, descriptor), 0)
    os.close(descriptor)


def _syscall(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc.syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result


def _mount(source: str, target: str, kind: "str | None", flags: int, data: str = "") -> None:
    _call("mount", source.encode(), target.encode(), kind and kind.encode(), flags, data.encode())


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _collect_variables() -> "dict[bytes, bytes]":
    return {
        name.removeprefix(LATER): value
        for name, value in os.environb.items()
        if name.startswith(LATER)
    }


if __name__ == "__main__":
    main(sys.argv[1:])
