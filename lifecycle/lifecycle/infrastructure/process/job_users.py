"""The users of the operating system that jobs run as: one for each job family, with a home directory of its own.

Images and environments belong to the platform, and each can be read by the jobs that run from it.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from racetrack_client.log.errors import AlreadyExists
from racetrack_client.log.logs import get_logger
from racetrack_commons.os_users.entrance import list_python_places
from racetrack_commons.os_users.user_range import UserRange

from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployer.instances import InstanceNotStarted
from lifecycle.infrastructure.process.plan import Launch, make_data_mark

logger = get_logger(__name__)
_PASSABLE = 0o711
_TEMPORARY = "tmp"


@dataclass(frozen=True)
class JobUser:
    """The user of a job family; its group has the same number."""

    id: int | None
    """Its number; None for the platform's own user."""
    home: Path

    @property
    def variables(self) -> dict[str, str]:
        """The variables that tell a program its user, who has no entry in /etc/passwd."""
        return {"HOME": str(self.home), "TMPDIR": str(self.home / _TEMPORARY)}


class JobUsers:
    """Gives each job family a user, and lets this user reach what its jobs need."""

    def __init__(self, config: Config, uow: UnitOfWorkFactory) -> None:
        self._config = config
        self._uow = uow
        self._range = UserRange(config.first_job_user, config.last_job_user)
        self._mark = make_data_mark(config)
        self.are_separate = self._can_separate()

    def get(self, family: str) -> JobUser | None:
        """Return the user of a job family, with its home directory.

        None where jobs run as the platform's user, in its home. Raises InstanceNotStarted when all users of the range are taken.
        """
        homes = self._config.job_homes_dir.resolve()
        if self.are_separate:
            number = self._find(family) or self._add(family)
            user = JobUser(number, homes / str(number))
        elif self._config.job_sandbox:
            user = JobUser(None, homes / _name_shared_home(family))
        else:
            return None
        _make_passable(homes)
        for directory in (user.home, user.home / _TEMPORARY):
            directory.mkdir(mode=0o700, exist_ok=True)
            if user.id is not None:
                os.chown(directory, user.id, user.id, follow_symlinks=False)
        return user

    def open_files(self, user: JobUser, launch: Launch) -> list[Path]:
        """Let the user read the image and the environment of its job, and no other job; return what it must reach."""
        workdir, python = Path(launch.workdir), Path(launch.command[0])
        reach = [workdir, user.home]
        if python.is_absolute() and python.exists():
            reach += list_python_places(python)
        if user.id is not None:
            self._open_image(workdir, user.id)
            self._open_environment_of(python, user.id)
        return reach

    def remove_homes(self) -> list[str]:
        """Remove the home directories of families that have no jobs and no processes; return the families."""
        if not self._config.job_homes_dir.is_dir():
            return []
        # Listed first: a row of a process is older than the home that it gets.
        homes = list(self._config.job_homes_dir.iterdir())
        with self._uow.reading() as uow:
            families = {each.name for each in uow.jobs.list_all()}
            families |= {each.job_name for each in uow.processes.list_all()}
            kept = {str(uow.job_users.find(family)) for family in families}
            kept |= {_name_shared_home(family) for family in families}
        homes = [home for home in homes if home.name not in kept]
        for home in homes:
            shutil.rmtree(home, ignore_errors=True)
        return [home.name for home in homes]

    def _open_image(self, workdir: Path, user_id: int) -> None:
        images = self._config.images_dir.resolve()
        _make_passable(images)
        if job := _find_child(images, workdir):
            if job.stat().st_gid != user_id:
                _open_former_files(job)
            _open_to_group(job, user_id)

    def _open_environment_of(self, python: Path, user_id: int) -> None:
        environments = self._config.environments_dir.absolute()
        environment = _find_child(environments, python)
        if environment is not None and python.exists():
            _make_passable(environments)
            _open_environment(environment, user_id)

    def _can_separate(self) -> bool:
        if not self._config.job_users:
            obstacle: str | None = "JOB_USERS is false"
        elif os.geteuid() == 0:
            self._range.check()
            config = self._config
            obstacle = self._range.find_obstacle(config.images_dir, config.environments_dir)
        else:
            obstacle = "the platform does not run as root"
        if obstacle is not None:
            logger.info(
                f"jobs run as the platform's own user ({obstacle}):"
                " everyone who may deploy is as trusted as the platform"
            )
        return obstacle is None

    def _find(self, family: str) -> int | None:
        with self._uow.reading() as uow:
            number = uow.job_users.find(family)
        return number if number in self._range.numbers else None

    def _add(self, family: str) -> int:
        with self._uow.reading() as uow:
            taken = uow.job_users.list_taken()
        for number in self._list_candidates(family):
            if number not in taken:
                with suppress(AlreadyExists), self._uow() as uow:
                    uow.job_users.add(family, number)
                    return number
                if found := self._find(family):
                    return found  # Another service was faster.
        raise InstanceNotStarted(
            f"no user is left for the jobs of {family}: widen the range from FIRST_JOB_USER to LAST_JOB_USER"
        )

    def _list_candidates(self, family: str) -> Iterator[int]:
        """Yield all numbers, beginning where other platforms of the machine hardly begin."""
        numbers = self._range.numbers
        digest = hashlib.sha256(f"{self._mark}\0{family}".encode()).digest()
        start = int.from_bytes(digest[:8], "big") % len(numbers)
        yield from numbers[start:]
        yield from numbers[:start]


def _name_shared_home(family: str) -> str:
    """Return the name of the home directory of a family whose jobs run as the platform's user."""
    return f"family-{family}"


def _make_passable(directory: Path) -> None:
    """Let others pass through a directory of the platform, but not list it."""
    directory.mkdir(parents=True, exist_ok=True)
    if directory.stat().st_mode & 0o777 != _PASSABLE:
        directory.chmod(_PASSABLE)


def _find_child(directory: Path, path: Path) -> Path | None:
    """Return the entry of a directory that a path is in."""
    if not path.is_relative_to(directory) or path == directory:
        return None
    return directory / path.relative_to(directory).parts[0]


def _open_environment(directory: Path, group: int) -> None:
    """Let a group read an environment with a job's own requirements; all may when other jobs have given the same ones."""
    found = directory.stat()
    if found.st_mode & 0o007:
        return
    if found.st_gid in (0, group):
        _open_to_group(directory, group)
    else:
        directory.chmod(0o755)


def _open_former_files(job: Path) -> None:
    """Let others read all of a job that is going to be open to its own group: jobs of earlier versions wrote there as root."""
    for path in job.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            path.chmod(stat.S_IMODE(mode) | 0o055)
        elif stat.S_ISREG(mode):
            path.chmod(stat.S_IMODE(mode) | 0o044)


def _open_to_group(directory: Path, group: int) -> None:
    os.chown(directory, 0, group, follow_symlinks=False)
    directory.chmod(0o750)
