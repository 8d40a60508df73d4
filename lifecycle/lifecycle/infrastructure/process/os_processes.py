"""The operating system's processes of jobs: starting, finding and ending them."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import BaseModel
from racetrack_client.entities import fill_places
from racetrack_commons.os_users.entrance import Entrance, hide_variables

from lifecycle.infrastructure.built_in_deployer import INSTANCE_VARIABLE
from lifecycle.infrastructure.process.log_file import open_log
from lifecycle.infrastructure.process.plan import (
    DATA_VARIABLE,
    PROCESS_VARIABLE,
    Launch,
)
from lifecycle.infrastructure.process.ports import OccupiedPort

MARKS = (DATA_VARIABLE, INSTANCE_VARIABLE, PROCESS_VARIABLE)
"""The variables by which the platform knows its processes."""
KILL_ATTEMPTS = 5
"""Passes of a kill: each finds the processes that were started during the one before."""


class StartedProcess(BaseModel):
    """The operating system's process. `create_time` distinguishes it from a later process that reuses the pid."""

    pid: int
    create_time: float


def start_process(
    launch: Launch,
    port: OccupiedPort,
    log_path: Path,
    entrance: Entrance,
    note_end: Callable[[int], None],
) -> StartedProcess:
    """Start a replica that appends its output to the log, with the groups and the user of its entrance.

    It inherits the socket of its port, if the platform holds one. It leads a session of its own, so it
    outlives the service that starts it. When it ends before that service, `note_end` gets its exit code, in another thread.
    """
    command = fill_places(launch.command, port=port.number, fd=port.fd)
    with open_log(log_path) as log:
        if entrance.user_id is not None:
            # Programs open /dev/stdout again, as their own user.
            os.fchown(log.fileno(), entrance.user_id, entrance.user_id)
        child = subprocess.Popen(
            entrance.make_command(command),
            cwd=launch.workdir,
            env=hide_variables(launch.environment, MARKS),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=port.inherited,
        )
    # A child process that nothing waits for stays as a zombie when it ends.
    threading.Thread(
        target=lambda: note_end(child.wait()), name=f"wait-{child.pid}", daemon=True
    ).start()
    return StartedProcess(pid=child.pid, create_time=_create_time(child.pid))


def describe_exit(exit_code: int) -> str:
    """Return how a process ended: with its exit code, or by which signal."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    return f"signal {-exit_code}: {signal.strsignal(-exit_code)}"


def is_alive(process: StartedProcess) -> bool:
    """Return whether exactly this process runs; a zombie does not."""
    try:
        found = psutil.Process(process.pid)
        return (
            abs(found.create_time() - process.create_time) < 1
            and found.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False


def ask_to_end(process: StartedProcess) -> None:
    """Send SIGTERM to the process alone: its calls may still need its children."""
    if is_alive(process):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGTERM)


def signal_group(process: StartedProcess, number: signal.Signals) -> None:
    """Send a signal to the process and its children, if it is still the same process."""
    if is_alive(process):
        _signal(process.pid, number)


def kill_replica(leader: StartedProcess, process_id: str) -> None:
    """Kill the leader of a replica and all processes with the mark of its row, also those that left its session."""
    for _ in range(KILL_ATTEMPTS):
        marked = _list_pids_of(process_id)
        # The number of an ended group may have been reused: only a member with our mark proves that the group is ours.
        if is_alive(leader) or any(_is_in_group(pid, leader.pid) for pid in marked):
            _signal(leader.pid, signal.SIGKILL)
        for pid in marked:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not marked:
            return


@dataclass(frozen=True)
class MarkedProcess:
    """A session leader whose variables name the platform, the instance and the replica that it belongs to."""

    process: StartedProcess
    instance_id: str
    process_id: str


def list_marked_processes(data_mark: str) -> list[MarkedProcess]:
    """List the session leaders that a platform has started as replicas; `data_mark` identifies the platform."""
    found = []
    for process in psutil.process_iter():
        try:
            variables = process.environ()
            is_leader = os.getsid(process.pid) == process.pid
            started = StartedProcess(pid=process.pid, create_time=process.create_time())
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue
        if (
            is_leader
            and variables.get(DATA_VARIABLE) == data_mark
            and INSTANCE_VARIABLE in variables
        ):
            row_id = variables.get(PROCESS_VARIABLE, "")
            found.append(MarkedProcess(started, variables[INSTANCE_VARIABLE], row_id))
    return found


def _list_pids_of(process_id: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            if process.environ().get(PROCESS_VARIABLE) == process_id:
                found.append(process.pid)
    return found


def _is_in_group(pid: int, group: int) -> bool:
    try:
        return os.getpgid(pid) == group
    except ProcessLookupError:
        return False


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _create_time(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0
