"""Installing packages into an environment without the rights of the service.

Requirements that are names and versions only are resolved by the build's own user, and installed from wheels by one
user for all builds. Its cache serves all builds, so nothing that strangers say reaches it except these names, versions
and the address of an index. Everything else is installed by the build's own user, whose cache ends with the build.
"""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from racetrack_commons.os_users.entrance import list_python_places

from image_builder.process.environment_spec import EnvironmentSpec, get_python
from image_builder.running.build_users import BuildUser, BuildUsers, walk
from image_builder.running.programs import Command, CommandFailed
from image_builder.running.progress import BuildProgress
from image_builder.source.requirements import are_plain, list_settings

_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==\S+( ;.*)?")
_TESTS = r"site-packages/.*/tests?/"
"""Two thirds of the code of some packages, which jobs hardly import."""
_CHOICES = frozenset(
    f"{prefix}_{name}"
    for prefix in ("UV", "PIP")
    for name in ("DEFAULT_INDEX", "INDEX", "INDEX_URL", "EXTRA_INDEX_URL", "INDEX_STRATEGY")
) | {"UV_EXCLUDE_NEWER", "UV_PRERELEASE", "UV_RESOLUTION"}
"""Variables that choose packages and do nothing else: those of proxies and certificates could forge an index."""


@dataclass(frozen=True)
class SeparateInstallation:
    """Installs the packages of one environment."""

    users: BuildUsers
    cache: Path
    """The directory of the packages that all builds share."""
    environment: Path
    directory: Path
    """The directory that uv runs in: the job's."""
    progress: BuildProgress
    make_command: Callable[[list[str]], Command]
    """Returns the command of uv with some arguments."""

    def install(
        self, spec: EnvironmentSpec, options: Sequence[str], *, from_cache: bool = False
    ) -> None:
        """Install the packages with these options of `uv pip install`; raises CommandFailed.

        Only what the cache holds is installed with `from_cache`, when the package index does not answer.
        """
        inputs = self._inputs
        try:
            inputs.mkdir()
            inputs.chmod(0o755)
            spec = replace(spec, packages=[_copy(each, inputs) for each in spec.packages])
            options = [*options, *(["--offline"] if from_cache else [])]
            if spec.requirements is None and not spec.added:
                # The packages of a job type are an administrator's choice.
                self._install_shared(spec, options)
            elif from_cache and self._is_shareable(spec):
                self._install_shared(spec, [*options, "--no-build"])
            else:
                self._install_of_job(spec, options, inputs)
        finally:
            shutil.rmtree(inputs, ignore_errors=True)

    def _is_shareable(self, spec: EnvironmentSpec) -> bool:
        """Return whether the installation reads nothing that could run code, forge an index or show private packages."""
        path = spec.requirements
        return (
            not list_settings(self.directory)
            and all(name in _CHOICES and "@" not in text for name, text in spec.variables.items())
            and (path is None or are_plain(self.directory, os.path.relpath(path, self.directory)))
        )

    def _install_of_job(self, spec: EnvironmentSpec, options: Sequence[str], inputs: Path) -> None:
        with self.users.opened() as user:
            if self._is_shareable(spec):
                pins = inputs / "pins.txt"
                pins.write_text("\n".join(self._resolve(spec, user, inputs)))
                try:
                    self._install_shared(spec, [*options, "--no-build", "--constraints", str(pins)])
                    return
                except CommandFailed:
                    self.progress.log("some packages have no wheels: they are built")
            with user.lent(self.directory):
                self._run(user, [*options, *_list_wanted(spec)], inputs)

    def _resolve(self, spec: EnvironmentSpec, user: BuildUser, inputs: Path) -> list[str]:
        """Return the versions that the requirements lead to."""
        wanted = inputs / "requirements.in"
        lines = [*map(str, spec.packages), *spec.added]
        lines += [f"-r {spec.requirements}"] if spec.requirements else []
        wanted.write_text("\n".join(lines))
        arguments = ["pip", "compile", "--quiet", "--no-header", "--no-annotate"]
        arguments += ["--python", str(get_python(self.environment)), str(wanted)]
        command = user.run_as(self.make_command(arguments), *self._list_places(inputs))
        resolved = self.progress.capture_output(command)
        return [line for line in resolved if _PINNED.fullmatch(line)]

    @property
    def _inputs(self) -> Path:
        return self.environment.with_name(f"{self.environment.name}-inputs")

    def _install_shared(self, spec: EnvironmentSpec, options: Sequence[str]) -> None:
        installer = self.users.installer
        self.users.make_home(installer)
        self.cache.mkdir(mode=0o700, exist_ok=True)
        os.chown(self.cache, installer.id, installer.id)
        cached = [*options, "--cache-dir", str(self.cache), *_list_wanted(spec)]
        self._run(installer, cached, self._inputs, self.cache)

    def _run(self, user: BuildUser, arguments: Sequence[str], *places: Path) -> None:
        command = self.make_command(["pip", "install", *arguments])
        links = _read_links(self.environment)
        with user.lent(self.environment):
            self.progress.run_command(user.run_as(command, *self._list_places(*places)))
            self._compile(user)
        _keep_links(links, self.environment)

    def _compile(self, user: BuildUser) -> None:
        """Compile the packages, because jobs can't keep what Python compiles when they import it.

        The option of uv for that would start Python with the packages, whose `.pth` files run code.
        """
        options = ["-I", "-S", "-m", "compileall", "-qq", "-j0", "-x", _TESTS]
        arguments = [str(get_python(self.environment)), *options, str(self.environment / "lib")]
        command = replace(self.make_command([]), arguments=arguments)
        with suppress(CommandFailed):  # Some packages hold files for other versions of Python.
            self.progress.run_command(user.run_as(command, *self._list_places()))

    def _list_places(self, *places: Path) -> list[Path]:
        pythons = list_python_places(get_python(self.environment))
        return [self.directory, *pythons, *places]


def _list_wanted(spec: EnvironmentSpec) -> list[str]:
    wanted = [*map(str, spec.packages), *spec.added]
    return wanted + (["--requirements", str(spec.requirements)] if spec.requirements else [])


def _read_links(environment: Path) -> dict[Path, Path]:
    """Return where the links in an environment lead: those to its Python, and none of a package, for wheels have no links."""
    return {path: path.readlink() for path in walk(environment) if path.is_symlink()}


def _keep_links(links: dict[Path, Path], environment: Path) -> None:
    """Remove links that an installation has made: the platform and jobs would follow them to files of others."""
    found = _read_links(environment)
    for path, _ in found.items() - links.items():
        path.unlink()
    if links.items() - found.items():
        raise CommandFailed("the installation has changed the Python of the environment", [])


def _copy(package: Path, directory: Path) -> Path:
    """Copy a package out of the plugins, which users of builds can't reach."""
    copied = directory / package.name
    shutil.copyfile(package, copied)
    copied.chmod(0o644)
    return copied
