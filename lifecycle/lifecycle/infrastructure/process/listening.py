"""Ports of processes: whether another program listens where a process is to listen."""

import os
from collections.abc import Iterator

import psutil

from lifecycle.infrastructure.built_in_deployer import can_listen
from lifecycle.infrastructure.process.os_processes import StartedProcess


def is_held_by_another(process: StartedProcess | None, host: str, port: int) -> bool:
    """Return whether a program listens at the port that is neither the process nor one of its children."""
    if can_listen(host, port):
        return False
    return process is None or not any(
        _listens(member, port) for member in _list_members(process.pid)
    )


def _list_members(leader: int) -> Iterator[psutil.Process]:
    """Yield the processes of the session, also those that outlived its leader, and the leader's other children."""
    yield from _list_children(leader)
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader:
                yield process
        except (ProcessLookupError, PermissionError):
            continue


def _list_children(leader: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(leader)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        connections = process.net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(
        each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections
    )
