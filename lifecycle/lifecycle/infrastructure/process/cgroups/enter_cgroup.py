"""A program that joins cgroups and then becomes another: `enter_cgroup.py FILE… -- COMMAND…`.

It runs in the place of a job's program, so that the job's program does not run outside of its group: code between
fork and exec would not be safe in a service with threads. It has the job's variables, so a library that a job names
in LD_PRELOAD is loaded before the group is joined: groups hold jobs that mean well, and are no sandbox.
It imports nothing of ours, because a job waits for its start.
"""

import os
import sys


def main(arguments: list[str]) -> None:
    """Write this process into each FILE, a `cgroup.procs`, then replace it by COMMAND."""
    end = arguments.index("--")
    try:
        for file in arguments[:end]:
            with open(file, "w") as members:  # noqa: PTH123 - pathlib takes longer to import than all else here
                members.write("0")
    except OSError as error:
        sys.exit(f"racetrack: the job can't be held to its limits: {file}: {error.strerror}")
    command = arguments[end + 1 :]
    try:
        os.execve(command[0], command, read_environment())
    except OSError as error:
        sys.exit(f"racetrack: {command[0]} can't be started: {error.strerror}")


def read_environment() -> dict[bytes, bytes]:
    """Return the variables that this process was given: the interpreter may have added one for its own encoding."""
    with open("/proc/self/environ", "rb") as environment:  # noqa: PTH123
        pairs = [pair.partition(b"=") for pair in environment.read().split(b"\0")]
    return {name: value for name, _, value in pairs if name}


if __name__ == "__main__":
    main(sys.argv[1:])
