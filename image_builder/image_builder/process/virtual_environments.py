"""Environments of process jobs: one virtual environment for each distinct set of requirements.

An environment is made in a directory of its own and renamed when it is complete, so that no job ever sees half of one.
A lock between processes keeps two builds from making the same one twice; it ends with its process, however that ends.
The time of its `environment.json` is when it was made or last known to be needed.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from image_builder.running.programs import Command, CommandFailed
from image_builder.running.progress import BuildProgress
from image_builder.source.source_tree import digest_file

_COMPLETE = "environment.json"
_LOCK_POLL_SECONDS = 0.5
_LOCK_GLANCE_SECONDS = 0.1
"""Long enough for one who only looks whether the environment is there."""
_UNREACHABLE = re.compile(
    r"error sending request|failed to fetch|dns error|connection refused|could not connect|tcp connect"
    r"|timed out|network is unreachable|name resolution|client error \(Connect\)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class EnvironmentSpec:
    """All that decides what an environment holds."""

    python: str
    """What `uv venv --python` takes: a version, or the path of an interpreter."""
    python_version: str
    packages: Sequence[Path]
    requirements: Path | None = None
    requirements_digest: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables of the installation, secret ones among them."""
    variables_digest: str = ""
    """Tells apart environments whose installation saw other variables; says nothing of their values."""
    refresh: str = ""
    """Makes the environment another one than all before: nothing of them is used again."""

    @property
    def digest(self) -> str:
        """The name of the environment."""
        parts = {
            "python": self.python_version,
            "packages": [[path.name, digest_file(path)] for path in self.packages],
            "requirements": self.requirements_digest,
            "variables": self.variables_digest,
            "refresh": self.refresh,
        }
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class PackagesNotInstalled(CommandFailed):
    """What a job requires can't be installed."""


@dataclass(frozen=True)
class Environments:
    """Makes environments with uv, and finds those that are there."""

    root: Path
    uv: Path
    inherited: Mapping[str, str]
    """What uv may see of the service's environment."""
    timeout_seconds: float

    def make_or_reuse(
        self, spec: EnvironmentSpec, directory: Path, progress: BuildProgress
    ) -> Path:
        """Return the Python of the environment, made now unless it is there.

        Raises PackagesNotInstalled when uv can't install what the job requires.
        """
        digest = spec.digest
        with self._locked(digest, progress):
            if self.is_complete(digest):
                os.utime(self.root / digest / _COMPLETE)
            else:
                self._create(digest, spec, directory, progress)
        return self._python(self.root / digest)

    def locate(self, spec: EnvironmentSpec) -> Path:
        """Return where the Python of an environment is, or would be."""
        return self._python(self.root / spec.digest)

    def is_complete(self, digest: str) -> bool:
        """Tell whether an environment is there and its Python still exists."""
        environment = self.root / digest
        return (environment / _COMPLETE).is_file() and self._python(environment).exists()

    def remove_unneeded(self, needed: Collection[Path], before: datetime) -> list[str]:
        """Remove those whose Python is not needed, and was last needed before that moment; return their names."""
        # By name alone: their directory may have been reached by another path when a job was built.
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
        """Remove what builders left that were killed while they made an environment, or removed one."""
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
        is_told = False
        while True:
            progress.cancellation.check()
            try:
                seconds = _LOCK_POLL_SECONDS if is_told else _LOCK_GLANCE_SECONDS
                lock.acquire(timeout=seconds, poll_interval=0.02)
                break
            except Timeout:
                if not is_told:
                    progress.log("waiting for another build that makes the same environment")
                is_told = True
        try:
            yield
        finally:
            lock.release()

    def _lock_path(self, digest: str) -> Path:
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        return locks / f"{digest}.lock"

    def _create(
        self, digest: str, spec: EnvironmentSpec, directory: Path, progress: BuildProgress
    ) -> None:
        # A name of its own each time: uv of a builder that was killed may still be writing to the last one.
        temporary = self.root / f".{digest}-making-{secrets.token_hex(4)}"
        progress.log(f"making environment {digest} with Python {spec.python_version}")
        try:
            self._create_venv(temporary, spec, directory, progress)
            self._install(temporary, spec, directory, progress)
            content = {
                "python": spec.python_version,
                "packages": [path.name for path in spec.packages],
            }
            (temporary / _COMPLETE).write_text(json.dumps(content))
            self._move_into_place(temporary, self.root / digest)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _create_venv(
        self, path: Path, spec: EnvironmentSpec, directory: Path, progress: BuildProgress
    ) -> None:
        arguments = [
            "venv",
            "--quiet",
            "--no-project",
            "--relocatable",
            "--python",
            spec.python,
            str(path),
        ]
        self._run_uv(arguments, spec, directory, progress)

    def _install(
        self, path: Path, spec: EnvironmentSpec, directory: Path, progress: BuildProgress
    ) -> None:
        arguments = [
            "pip",
            "install",
            "--python",
            str(self._python(path)),
            "--link-mode",
            "hardlink",
            "--no-progress",
        ]
        arguments += ["--no-editable", *([] if spec.requirements else ["--compile-bytecode"])]
        arguments += ["--refresh"] if spec.refresh else []
        arguments += [str(package) for package in spec.packages]
        arguments += ["--requirements", str(spec.requirements)] if spec.requirements else []
        if not spec.packages and not spec.requirements:
            return
        try:
            self._run_uv(arguments, spec, directory, progress)
        except CommandFailed as error:
            if not _UNREACHABLE.search(str(error)):
                raise _explain(spec, error) from error
            self._install_offline(arguments, spec, directory, progress, error)

    def _install_offline(
        self,
        arguments: list[str],
        spec: EnvironmentSpec,
        directory: Path,
        progress: BuildProgress,
        cause: CommandFailed,
    ) -> None:
        progress.log("the package index does not answer; trying with what the cache holds")
        try:
            self._run_uv([*arguments, "--offline"], spec, directory, progress)
        except CommandFailed:
            raise _explain(spec, cause) from cause
        progress.warn(
            "the package index did not answer: the packages come from the cache and may be older"
        )

    def _run_uv(
        self, arguments: list[str], spec: EnvironmentSpec, directory: Path, progress: BuildProgress
    ) -> None:
        environment = {**self.inherited, "NO_COLOR": "1", **spec.variables}
        progress.run_command(
            Command([str(self.uv), *arguments], environment, directory, self.timeout_seconds)
        )

    def _move_into_place(self, temporary: Path, environment: Path) -> None:
        if environment.exists():
            # Incomplete, or its Python is gone: no job can be using it.
            shutil.rmtree(environment)
        temporary.rename(environment)

    def _remove(self, environment: Path, before: datetime) -> bool:
        """Remove one, unless somebody is at it just now or needed it lately."""
        doomed = self.root / f".{environment.name}-making-{secrets.token_hex(4)}"
        try:
            with FileLock(self._lock_path(environment.name), timeout=0):
                if _last_needed(environment) >= before.timestamp():
                    return False
                environment.rename(doomed)
                shutil.rmtree(doomed, ignore_errors=True)
        except (Timeout, FileNotFoundError):
            return False
        return True

    def _remove_locks(self) -> None:
        """Remove the locks of environments that are not there: whoever waits for one makes it anew."""
        for path in self._lock_path("").parent.glob("*.lock"):
            with contextlib.suppress(Timeout), FileLock(path, timeout=0):
                if not (self.root / path.stem).exists():
                    path.unlink(missing_ok=True)

    def _python(self, environment: Path) -> Path:
        return environment / "bin" / "python"


def _last_needed(environment: Path) -> float:
    file = environment / _COMPLETE
    return (file if file.exists() else environment).stat().st_mtime


def _explain(spec: EnvironmentSpec, error: CommandFailed) -> PackagesNotInstalled:
    what = (
        f"the requirements in {spec.requirements.name}"
        if spec.requirements
        else "the job type's packages"
    )
    return PackagesNotInstalled(f"{what} can't be installed; {error.reason}", error.last_lines)
