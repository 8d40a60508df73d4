"""Environments of process jobs: one virtual environment for each distinct set of requirements.

An environment is created in a temporary directory and renamed when it is complete, so that no job sees a partial one.
A lock between processes keeps two builds from creating the same one twice; the operating system releases it when its
process ends. The modification time of `environment.json` is the time at which it was created or was last needed.
"""

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from image_builder.process.environment_spec import EnvironmentSpec, MadeEnvironment, get_python
from image_builder.process.separate_installation import SeparateInstallation
from image_builder.running.build_users import BuildUsers
from image_builder.running.programs import Command, CommandFailed
from image_builder.running.progress import BuildProgress
from image_builder.source.install_hints import describe_hint
from image_builder.source.requirements import list_settings
from image_builder.source.resolved_packages import (
    InstalledPackages,
    digest_installed,
    read_resolved,
)

_COMPLETE = "environment.json"
_NEWEST = ".newest"
"""Holds a file for each digest whose newest environment has another name, because it was refreshed."""
_LOCK_POLL_SECONDS = 0.5
_LOCK_GLANCE_SECONDS = 0.1
"""Builds that only check whether the environment exists hold the lock for less than this, so no message is logged."""
_CLONE_FILE = 0x40049409
"""The request of Linux to let a file share the blocks of another until one of them is changed."""
PYTHON_VERSIONS = ("3.14", "3.13", "3.12", "3.11", "3.10")
"""The versions that jobs may choose, the newest first."""
_HINT_SECONDS = 20
_MAY_BE_PYTHON = re.compile(
    r"wheel|requires.python|Python (>|<|=|~|version)|build backend|failed to (download and )?build",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"error sending request|failed to fetch|dns error|connection refused|could not connect|tcp connect"
    r"|timed out|network is unreachable|name resolution|client error \(Connect\)",
    re.IGNORECASE,
)


class PackagesNotInstalled(CommandFailed):
    """The requirements of a job, or the packages of its job type, can't be installed."""


@dataclass(frozen=True)
class Environments:
    """Creates environments with uv, finds existing ones and removes those that are not needed."""

    root: Path
    uv: Path
    inherited: Mapping[str, str]
    """The variables that uv inherits from the service."""
    timeout_seconds: float
    users: BuildUsers | None = None
    """The users of builds; None: programs run as the service's own user."""
    cache: Path | None = None
    """The directory of the packages that builds with users share; None: one among the environments."""

    def make_or_reuse(
        self, spec: EnvironmentSpec, directory: Path, progress: BuildProgress
    ) -> MadeEnvironment:
        """Return the newest environment of the specification; it is created unless it exists, or when it is to be refreshed.

        A refreshed one takes the place of the earlier, so that later builds don't fall back to older packages.
        Raises PackagesNotInstalled when uv can't install the packages.
        """
        with self._locked(spec.digest, progress):
            name = spec.refreshed_digest if spec.refresh else self._get_newest(spec.digest)
            is_reused = self.is_complete(name)
            if is_reused:
                os.utime(self.root / name / _COMPLETE)
            else:
                name = self._create(spec, directory, progress)
            self._note_newest(spec.digest, name)
            content = json.loads((self.root / name / _COMPLETE).read_text())
        packages = InstalledPackages(
            content.get("resolved", {}),
            content.get("made_at", 0),
            is_reused=is_reused and not spec.refresh,
        )
        return MadeEnvironment(self.root / name, packages)

    def locate(self, spec: EnvironmentSpec) -> Path:
        """Return the path of an environment's Python, which may not exist."""
        return get_python(self.root / self._get_newest(spec.digest))

    def _get_newest(self, digest: str) -> str:
        """Return the name of the newest environment with a digest; it may not exist."""
        note = self.root / _NEWEST / digest
        return note.read_text() if note.is_file() else digest

    def _note_newest(self, digest: str, name: str) -> None:
        if self._get_newest(digest) == name:
            return
        note = self.root / _NEWEST / digest
        note.parent.mkdir(exist_ok=True)
        written = note.with_suffix(f".{secrets.token_hex(4)}")
        written.write_text(name)
        written.rename(note)

    def is_complete(self, digest: str) -> bool:
        """Return whether an environment is complete and its Python still exists."""
        environment = self.root / digest
        return (environment / _COMPLETE).is_file() and get_python(environment).exists()

    def remove_unneeded(self, needed: Collection[Path], before: datetime) -> list[str]:
        """Remove environments whose Python is not in `needed` and was last needed before `before`; return their names."""
        # Only names are compared: an image may have been built with another path to the same directory.
        digests = {python.parents[1].name for python in needed}
        removed = []
        for environment in self.root.glob("[!.]*"):
            if environment.name in digests:
                with contextlib.suppress(FileNotFoundError):
                    os.utime(environment / _COMPLETE)
            elif self._remove(environment, before):
                removed.append(environment.name)
        self._remove_locks()
        return removed

    def remove_leftovers(self) -> None:
        """Remove the leftovers of builders that were killed while they created or removed an environment."""
        for directory in self.root.glob(".*-making-*"):
            digest = directory.name[1:].partition("-making-")[0]
            try:
                with FileLock(self._lock_path(digest), timeout=0):
                    shutil.rmtree(directory, ignore_errors=True)
            except Timeout:
                continue

    @contextmanager
    def _locked(self, digest: str, progress: BuildProgress) -> Iterator[None]:
        lock = FileLock(self._lock_path(digest))
        is_logged = False
        while True:
            progress.cancellation.check()
            try:
                seconds = _LOCK_POLL_SECONDS if is_logged else _LOCK_GLANCE_SECONDS
                lock.acquire(timeout=seconds, poll_interval=0.02)
                break
            except Timeout:
                if not is_logged:
                    progress.log("waiting for another build that makes the same environment")
                is_logged = True
        try:
            yield
        finally:
            lock.release()

    def _lock_path(self, digest: str) -> Path:
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        return locks / f"{digest}.lock"

    def _create(self, spec: EnvironmentSpec, directory: Path, progress: BuildProgress) -> str:
        """Create an environment; return its name, or that of an earlier one with the same packages."""
        name = spec.refreshed_digest
        # Each attempt has its own name: the uv of a killed builder may still be writing to the previous directory.
        temporary = self.root / f".{spec.digest}-making-{secrets.token_hex(4)}"
        progress.log(f"making environment {name} with Python {spec.python_version}")
        try:
            self._create_venv(temporary, spec, directory, progress)
            self._install(temporary, spec, directory, progress)
            content = {
                "python": spec.python_version,
                "packages": [path.name for path in spec.packages],
                "digest": spec.digest,
                "made_at": int(time.time()),
                "resolved": read_resolved(temporary),
                "installed": digest_installed(temporary),
            }
            earlier = self._get_newest(spec.digest)
            if spec.is_upgrade and self._is_equal(earlier, content):
                progress.log(f"there are no newer packages: environment {earlier} is used again")
                return earlier
            # The code of a requirement may have left something there, even a link to a file of the platform.
            (temporary / _COMPLETE).unlink(missing_ok=True)
            (temporary / _COMPLETE).write_text(json.dumps(content))
            if self.users is not None and (spec.requirements or spec.added):
                # Lifecycle opens it to the job family that runs from it.
                temporary.chmod(0o700)
            self._move_into_place(temporary, self.root / name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return name

    def _is_equal(self, name: str, content: Mapping[str, object]) -> bool:
        if not self.is_complete(name):
            return False
        earlier = json.loads((self.root / name / _COMPLETE).read_text())
        keys = ("resolved", "installed")
        return all(earlier.get(key) == content[key] for key in keys)

    def _create_venv(
        self, path: Path, spec: EnvironmentSpec, directory: Path, progress: BuildProgress
    ) -> None:
        arguments = [
            "venv",
            "--quiet",
            "--no-project",
            "--relocatable",
            # The settings in a job's directory are those of strangers.
            *(["--no-config"] if self.users is not None else []),
            "--python",
            spec.python,
            str(path),
        ]
        if self.users is not None:
            # This runs as the service: variables of strangers would bring their code along.
            spec = replace(spec, variables={})
        self._run_uv(arguments, spec, directory, progress)

    def _install(
        self, path: Path, spec: EnvironmentSpec, directory: Path, progress: BuildProgress
    ) -> None:
        if not (spec.packages or spec.added or spec.requirements):
            return
        options = self._choose_options(path, spec)
        separate = self._separate(path, spec, directory, progress)
        arguments = ["pip", "install", *options, *map(str, spec.packages), *spec.added]
        arguments += ["--requirements", str(spec.requirements)] if spec.requirements else []
        try:
            if separate is not None:
                separate.install(spec, options)
            else:
                self._run_uv(arguments, spec, directory, progress)
        except CommandFailed as error:
            if not _UNREACHABLE.search(str(error)):
                hint = describe_hint(error.last_lines) or self._hint_at_python(
                    spec, directory, progress, error
                )
                raise _explain(spec, error, hint) from error
            install = partial(self._run_uv, [*arguments, "--offline"], spec, directory, progress)
            if separate is not None:
                install = partial(separate.install, spec, options, from_cache=True)
            self._install_offline(install, spec, progress, error)

    def _choose_options(self, path: Path, spec: EnvironmentSpec) -> list[str]:
        options = ["--python", str(get_python(path)), "--link-mode", choose_link_mode(path)]
        options += ["--no-progress", "--no-editable"]
        is_compiled = self.users is None and not (spec.requirements or spec.added)
        options += ["--compile-bytecode"] if is_compiled else []
        return [*options, *(["--refresh"] if spec.refresh else [])]

    def _separate(
        self, path: Path, spec: EnvironmentSpec, directory: Path, progress: BuildProgress
    ) -> SeparateInstallation | None:
        if self.users is None:
            return None

        def make_command(arguments: list[str]) -> Command:
            return self._make_command(arguments, spec, directory, self.timeout_seconds)

        cache = self.cache or self.root / ".cache"
        return SeparateInstallation(self.users, cache, path, directory, progress, make_command)

    def _hint_at_python(
        self, spec: EnvironmentSpec, directory: Path, progress: BuildProgress, cause: CommandFailed
    ) -> str:
        """Return a hint at the newest other Python for which the requirements have wheels; empty when there is none."""
        if spec.requirements is None or not _MAY_BE_PYTHON.search(str(cause)):
            return ""
        compiling = ["pip", "compile", "--quiet", "--no-header", "--only-binary", ":all:"]
        for version in PYTHON_VERSIONS:
            if f"{spec.python_version}.".startswith(f"{version}."):
                continue
            arguments = [*compiling, "--python-version", version, str(spec.requirements)]
            command = self._make_command(arguments, spec, directory, _HINT_SECONDS)
            with contextlib.suppress(CommandFailed):
                self._capture_output(command, progress)
                return f"it can be for Python {version}: set `python_version: '{version}'` in jobtype_extra"
        return ""

    def _capture_output(self, command: Command, progress: BuildProgress) -> None:
        if self.users is None:
            progress.capture_output(command)
            return
        with self.users.opened() as user:
            progress.capture_output(user.run_as(command, command.directory or self.root, self.root))

    def _install_offline(
        self,
        install: Callable[[], None],
        spec: EnvironmentSpec,
        progress: BuildProgress,
        cause: CommandFailed,
    ) -> None:
        progress.log("the package index does not answer; trying with what the cache holds")
        try:
            install()
        except CommandFailed:
            raise _explain(spec, cause, "") from cause
        progress.warn(
            "the package index did not answer: the packages come from the cache and may be older"
        )

    def _run_uv(
        self, arguments: list[str], spec: EnvironmentSpec, directory: Path, progress: BuildProgress
    ) -> None:
        progress.run_command(self._make_command(arguments, spec, directory, self.timeout_seconds))

    def _make_command(
        self, arguments: list[str], spec: EnvironmentSpec, directory: Path, seconds: float
    ) -> Command:
        environment = {**self.inherited, "NO_COLOR": "1", **spec.variables}
        # In the directories above, uv would find settings that the digest of the environment knows nothing of.
        place = directory if list_settings(directory) else self.root
        arguments = [str(self.uv), "--project", str(place), *arguments]
        return Command(arguments, environment, directory, seconds)

    def _move_into_place(self, temporary: Path, environment: Path) -> None:
        if environment.exists():
            # It is incomplete or its Python no longer exists, so no job can be using it.
            shutil.rmtree(environment)
        temporary.rename(environment)

    def _remove(self, environment: Path, before: datetime) -> bool:
        """Remove an environment, unless a builder is using it or needed it after `before`; return whether it was removed."""
        digest = _read_digest(environment)
        doomed = self.root / f".{digest}-making-{secrets.token_hex(4)}"
        try:
            with FileLock(self._lock_path(digest), timeout=0):
                if _last_needed(environment) >= before.timestamp():
                    return False
                environment.rename(doomed)
                if self._get_newest(digest) == environment.name:
                    (self.root / _NEWEST / digest).unlink(missing_ok=True)
                shutil.rmtree(doomed, ignore_errors=True)
        except (Timeout, FileNotFoundError):
            return False
        return True

    def _remove_locks(self) -> None:
        """Remove the locks of environments that don't exist; a build that waits for one creates the environment again."""
        for path in self._lock_path("").parent.glob("*.lock"):
            with contextlib.suppress(Timeout), FileLock(path, timeout=0):
                if not (self.root / self._get_newest(path.stem)).exists():
                    path.unlink(missing_ok=True)


def choose_link_mode(directory: Path) -> str:
    """Return the way in which uv puts files of its cache into an environment: without hard links, which jobs could write through.

    "clone" costs no space, but uv takes hard links where the file system can't do it.
    """
    original, clone = directory / ".original", directory / ".clone"
    try:
        original.write_bytes(b"blocks")
        with original.open("rb") as source, clone.open("wb") as target:
            fcntl.ioctl(target.fileno(), _CLONE_FILE, source.fileno())
    except OSError:
        return "copy"
    finally:
        original.unlink(missing_ok=True)
        clone.unlink(missing_ok=True)
    return "clone"


def _read_digest(environment: Path) -> str:
    """Return the digest of an environment, by which it is locked."""
    try:
        content = json.loads((environment / _COMPLETE).read_text())
    except (OSError, ValueError):
        return environment.name
    return str(content.get("digest", environment.name))


def _last_needed(environment: Path) -> float:
    file = environment / _COMPLETE
    return (file if file.exists() else environment).stat().st_mtime


def _explain(spec: EnvironmentSpec, error: CommandFailed, hint: str) -> PackagesNotInstalled:
    what = (
        f"the requirements in {spec.requirements.name}"
        if spec.requirements
        else f"the packages that the job imports ({', '.join(spec.added)})"
        if spec.added
        else "the job type's packages"
    )
    reason = f"{what} can't be installed; {hint or error.reason}"
    return PackagesNotInstalled(reason, error.last_lines)
