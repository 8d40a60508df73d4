"""The sandbox of process jobs: Landlock holds each job to its own files, and to the ports that it is given."""

import os
from collections.abc import Iterable
from pathlib import Path

from racetrack_client.log.logs import get_logger
from racetrack_commons.os_users.enter import read_landlock_version
from racetrack_commons.os_users.entrance import Confinement
from racetrack_commons.settings import SettingsError

from lifecycle.config import Config
from lifecycle.infrastructure.process.job_users import JobUser

logger = get_logger(__name__)
_SYSTEM = tuple(
    Path("/", name)
    for name in (
        *("bin", "etc", "lib", "lib32", "lib64", "nix", "opt", "proc", "sbin", "sys", "usr"),
        *("run/resolvconf", "run/systemd/resolve"),
    )
)
"""Places of programs, libraries and settings of the machine, which jobs read as far as their user may."""
_DEVICES, _LOG = Path("/dev"), Path("/dev/stdout")
"""Unlike its path, the log that a program inherits is there in each view of the files."""
_LACKS = {
    4: "jobs may listen on every port (Linux 6.7 can refuse that)",
    6: "jobs may signal programs of their user (Linux 6.12 can refuse that)",
}


class JobSandbox:
    """Decides what each process job reaches, where `JOB_SANDBOX` is on."""

    def __init__(self, config: Config, *, has_users: bool) -> None:
        self._extra = config.job_sandbox_paths
        self.is_on = config.job_sandbox
        if self.is_on:
            _check_kernel(read_landlock_version(), has_users=has_users)

    def confine(
        self, user: JobUser, needed: Iterable[Path], ports: Iterable[int]
    ) -> Confinement | None:
        """Return the confinement of a job that needs some paths and listens on some ports; None without a sandbox."""
        if not self.is_on:
            return None
        return Confinement(
            readable=[*_SYSTEM, *self._extra, *needed],
            writable=[_DEVICES, _LOG, user.home],
            ports=[0, *ports],
        )


def _check_kernel(version: int, *, has_users: bool) -> None:
    """Raise SettingsError when there can be no sandbox; warn of what an older kernel leaves open."""
    if not version:
        raise SettingsError(
            "JOB_SANDBOX is true, but this kernel has no Landlock: it takes Linux 5.13 with `landlock` among its"
            " security modules (/sys/kernel/security/lsm)"
        )
    if os.geteuid() == 0 and not has_users:
        raise SettingsError(
            "JOB_SANDBOX is true, but jobs would run as root, whom Landlock does not hold:"
            " let JOB_USERS be true, or run the platform as another user"
        )
    for needed, lack in _LACKS.items():
        if version < needed:
            logger.warning(f"the sandbox of jobs has a gap: {lack}")
