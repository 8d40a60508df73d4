"""Ports of processes: reserved in the database, and occupied by the platform before a program starts.

A program that takes sockets inherits the one that listens at its port, so no other program can get in between.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from racetrack_client.entities import NO_SOCKET
from racetrack_client.log.errors import AlreadyExists
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import ChangeKind

from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.deployer.instances import InstanceNotStarted
from lifecycle.domain.instance import JobProcess
from lifecycle.infrastructure.built_in_deployer import can_listen, list_free_ports
from lifecycle.infrastructure.process.plan import Launch

logger = get_logger(__name__)
BACKLOG = 2048


@dataclass(frozen=True)
class OccupiedPort:
    """The port of a starting program."""

    number: int
    listener: socket.socket | None = None
    """The socket that listens there; None when the program opens it itself."""

    @property
    def fd(self) -> int:
        """The file descriptor of the socket; `NO_SOCKET` without one."""
        return NO_SOCKET if self.listener is None else self.listener.fileno()

    @property
    def inherited(self) -> list[int]:
        """The file descriptors that the program inherits."""
        return [] if self.listener is None else [self.fd]


class JobPorts:
    """Reserves and occupies ports of `JOB_HOST`, from `FIRST_JOB_PORT` to `LAST_JOB_PORT`."""

    def __init__(self, config: Config, uow: UnitOfWorkFactory) -> None:
        self._config = config
        self._uow = uow

    def reserve(self, make_process: Callable[[int], JobProcess]) -> JobProcess:
        """Store and return a process at a free port; raise InstanceNotStarted when there is none."""
        for port in self._list_free():
            process = make_process(port)
            try:
                with self._uow() as uow:
                    uow.processes.add(process)
            except AlreadyExists:
                continue  # Another service took the port in between.
            return process
        raise InstanceNotStarted("no port is free")

    @contextmanager
    def occupied(self, process: JobProcess, launch: Launch) -> Iterator[OccupiedPort]:
        """Hold the port of a process while its program starts; move the process when another program has its port.

        Raises InstanceNotStarted when no port is free.
        """
        port = self._occupy(process, launch)
        try:
            yield port
        finally:
            if port.listener is not None:
                port.listener.close()

    def _occupy(self, process: JobProcess, launch: Launch) -> OccupiedPort:
        if not launch.takes_port:
            return OccupiedPort(process.port)
        if found := self._try_port(process.port, launch):
            return found
        for port in self._list_free():
            if found := self._try_port(port, launch):
                if self._move(process, port):
                    return found
                if found.listener is not None:
                    found.listener.close()
        raise InstanceNotStarted("no port is free")

    def _try_port(self, port: int, launch: Launch) -> OccupiedPort | None:
        host = self._config.job_host
        if not launch.takes_socket:
            return OccupiedPort(port) if can_listen(host, port) else None
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            return None
        return OccupiedPort(port, listener)

    def _move(self, process: JobProcess, port: int) -> bool:
        """Store another port of a process and its new address; return False when another service took that port."""
        try:
            with self._uow() as uow:
                uow.processes.move(process.id, port)
                _move_address(uow, process, self._name(process.port), self._name(port))
        except AlreadyExists:
            return False
        name = f"{process.job_name} {process.job_version}"
        logger.warning(
            f"another program took port {process.port} of job {name}, which moves to port {port}"
        )
        process.port = port
        return True

    def _list_free(self) -> Iterator[int]:
        with self._uow.reading() as uow:
            taken = uow.processes.list_ports()
        candidates = range(self._config.first_job_port, self._config.last_job_port + 1)
        return list_free_ports(candidates, self._config.job_host, taken)

    def _name(self, port: int) -> str:
        return f"{self._config.job_host}:{port}"


def _move_address(uow: UnitOfWork, process: JobProcess, former: str, new: str) -> None:
    """Replace an address of the instance, and of its job if the instance serves it."""

    def move(names: list[str]) -> list[str]:
        return [new if name == former else name for name in names]

    instance = uow.instances.find(process.instance_id)
    if instance is not None and former in instance.replica_internal_names:
        names = move(instance.replica_internal_names)
        update = {"internal_name": names[0], "replica_internal_names": names}
        uow.instances.save(instance.model_copy(update=update))
    job = uow.jobs.find(process.job_name, process.job_version)
    if job is not None and former in job.replica_internal_names:
        names = move(job.replica_internal_names)
        update = {"internal_name": names[0], "replica_internal_names": names}
        uow.jobs.save(job.model_copy(update=update))
        uow.record_change(ChangeKind.JOB, job.name)
