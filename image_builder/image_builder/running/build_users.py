"""The users of the operating system that the programs of builds run as: they run code of strangers.

Each build has a user that no other build has. What it makes is taken back by the platform, after all its processes
are killed, so that no later build and no job can change it.
"""

import contextlib
import os
import secrets
import shutil
import signal
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from racetrack_client.log.logs import get_logger
from racetrack_commons.os_users.entrance import Entrance, list_python_places
from racetrack_commons.os_users.user_range import UserRange

from image_builder.running.programs import Command, CommandFailed

logger = get_logger(__name__)
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO")
"""Variables that name the certificates of the authorities that programs trust."""
KILL_ATTEMPTS = 20
"""Passes of a kill: each finds the processes that were started during the one before."""


@dataclass(frozen=True)
class BuildUser:
    """A user that programs of builds run as; its group has the same number."""

    id: int
    home: Path
    reach: tuple[Path, ...] = ()
    """Paths that it must reach, whatever directories above them are closed."""
    is_shared: bool = False
    """True for the user of all installations that run no code of strangers."""

    def run_as(self, command: Command, *reach: Path) -> Command:
        """Return a command that runs as the user, with a home directory of its own."""
        own = {
            **dict.fromkeys(("HOME", "TMPDIR"), str(self.home)),
            **dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME"), str(self.home / "xdg")),
            "UV_CACHE_DIR": str(self.home / "cache"),
        }
        return replace(
            command,
            environment={**command.environment, **own},
            entrance=Entrance(user_id=self.id, reach=(*self.reach, self.home, *reach)),
        )

    @contextmanager
    def lent(self, directory: Path) -> Iterator[None]:
        """Give a directory to the user; at the end, kill its processes and take the directory back."""
        for path in walk(directory):
            found = path.lstat()
            # A file with several names may be another user's.
            if stat.S_ISDIR(found.st_mode) or found.st_nlink == 1:
                os.chown(path, self.id, self.id, follow_symlinks=False)
        try:
            yield
        finally:
            if not self.is_shared:
                self.kill_processes()
            self._take_back(directory)

    def kill_processes(self) -> None:
        """Kill everything that runs as the user; raises CommandFailed when something goes on starting processes."""
        for _ in range(KILL_ATTEMPTS):
            if not (pids := _list_pids(self.id)):
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        raise CommandFailed("processes that the build has started can't be ended", [])

    def _take_back(self, directory: Path) -> None:
        """Make everything the platform's own: readable for others, without modes that hand rights on, without pipes and devices.

        Nothing changes it meanwhile, because the user has no processes any more.
        """
        for path in walk(directory):
            found = path.lstat()
            if found.st_uid != self.id:
                continue
            os.chown(path, os.geteuid(), os.getegid(), follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                path.chmod(0o755)
            elif stat.S_ISREG(found.st_mode):
                path.chmod(0o755 if found.st_mode & 0o111 else 0o644)
            elif not stat.S_ISLNK(found.st_mode):
                path.unlink()


class BuildUsers:
    """Gives each build a user of its own."""

    def __init__(self, users: UserRange, homes: Path, reach: tuple[Path, ...]) -> None:
        self._numbers = users.numbers[1:]
        self._homes = homes
        self._reach = reach
        self._taken: set[int] = set()
        self._lock = threading.Lock()
        self.installer = BuildUser(users.first, homes / "installer", reach, is_shared=True)

    @contextmanager
    def opened(self) -> Iterator[BuildUser]:
        """Yield a user that no other build has; at the end, kill its processes and remove its home."""
        number = self._take()
        user = BuildUser(number, self._homes / str(number), self._reach)
        try:
            shutil.rmtree(user.home, ignore_errors=True)  # A builder that was killed left it.
            self.make_home(user)
            yield user
        finally:
            try:
                user.kill_processes()
            finally:
                shutil.rmtree(user.home, ignore_errors=True)
                with self._lock:
                    self._taken.discard(number)

    def make_home(self, user: BuildUser) -> None:
        """Create the home directory of a user."""
        self._homes.mkdir(mode=0o711, parents=True, exist_ok=True)
        user.home.mkdir(mode=0o700, exist_ok=True)
        os.chown(user.home, user.id, user.id)

    def _take(self) -> int:
        with self._lock:
            while True:
                number = secrets.choice(self._numbers)
                if number not in self._taken and not _list_pids(number):
                    self._taken.add(number)
                    return number


def find_build_users(
    users: UserRange, homes: Path, programs: tuple[Path, ...], variables: Mapping[str, str]
) -> BuildUsers | None:
    """Return the users of builds; None where programs run as the service's own user.

    They reach the certificates that `variables` name, which all programs of builds inherit. Raises SettingsError when users
    of this machine are in the range.
    """
    if os.geteuid() != 0:
        return None
    users.check()
    if obstacle := users.find_obstacle(homes, *programs):
        logger.warning(f"builds run as the platform's own user: {obstacle}")
        return None
    places = (*list_python_places(Path(sys.executable)), *programs, *_list_certificates(variables))
    return BuildUsers(users, homes, places)


def _list_certificates(variables: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files of certificates; warn of those that only the service may read."""
    for name in CERTIFICATE_VARIABLES:
        path = Path(variables.get(name, "")).absolute()
        if not variables.get(name) or not path.exists():
            continue
        if not path.stat().st_mode & 0o004:
            logger.warning(f"builds can't read {path}, which {name} names: let all users read it")
        yield path


def _list_pids(user: int) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if user in process.uids() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def walk(directory: Path) -> Iterator[Path]:
    """Yield a directory and everything in it; links are not followed."""
    yield directory
    for parent, directories, files in os.walk(directory):
        yield from (Path(parent) / name for name in (*directories, *files))
