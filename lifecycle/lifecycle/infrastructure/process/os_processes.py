"""The operating system's processes of jobs: starting, finding and ending them."""

import os
import resource
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import BaseModel

from lifecycle.infrastructure.built_in_deployer import INSTANCE_VARIABLE
from lifecycle.infrastructure.process.log_file import open_log
from lifecycle.infrastructure.process.plan import (
    DATA_VARIABLE,
    PROCESS_VARIABLE,
    Launch,
)


class StartedProcess(BaseModel):
    """The operating system's process. `create_time` distinguishes it from a later process that reuses the pid."""

    pid: int
    create_time: float


def start_process(launch: Launch, log_path: Path) -> StartedProcess:
    """Start a replica that appends its output to the log.

    The replica leads a session of its own, so it outlives the service that starts it.
    """
    with open_log(log_path) as log:
        child = subprocess.Popen(
            launch.command,
            cwd=launch.workdir,
            env=launch.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            close_fds=True,
        )
    _limit_memory(child.pid, launch.memory_bytes)
    # A child process that nothing waits for stays as a zombie when it ends.
    threading.Thread(target=child.wait, name=f"wait-{child.pid}", daemon=True).start()
    return StartedProcess(pid=child.pid, create_time=_create_time(child.pid))


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


def kill_group(process: StartedProcess) -> None:
    """Kill the process and its children, also children that outlived it."""
    # The number of an ended group may have been reused: only a member with our mark proves that the group is ours.
    if is_alive(process) or _has_marked_member(process.pid):
        _signal(process.pid, signal.SIGKILL)


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


def _has_marked_member(group: int) -> bool:
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and INSTANCE_VARIABLE in process.environ():
                return True
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue
    return False


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _limit_memory(pid: int, memory_bytes: int | None) -> None:
    # RLIMIT_DATA counts the memory that the process itself allocates. It is set from outside, because code between
    # fork and exec is not safe in a program with threads. Some systems lack prlimit().
    if memory_bytes and hasattr(resource, "prlimit"):
        try:
            resource.prlimit(pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        except (ProcessLookupError, PermissionError):
            return


def _create_time(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0
