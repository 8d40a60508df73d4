"""The specification of an environment, from which its name is made, and an environment that is complete."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from image_builder.source.resolved_packages import InstalledPackages
from image_builder.source.source_tree import digest_file


@dataclass(frozen=True)
class EnvironmentSpec:
    """Everything that determines the content of an environment."""

    python: str
    """The argument of `uv venv --python`: a version, or the path of an interpreter."""
    python_version: str
    packages: Sequence[Path]
    added: Sequence[str] = ()
    """Requirements that the job type adds, because the job's code imports them."""
    requirements: Path | None = None
    requirements_digest: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables of the installation, including secret ones."""
    variables_digest: str = ""
    """A signed digest of the variables, which does not reveal their values."""
    refresh: str = ""
    """A text that makes the environment differ from all earlier ones, for builds that resolve again; usually empty."""
    is_upgrade: bool = False
    """True when an earlier environment with equal packages may take the place of a refreshed one."""

    @cached_property
    def digest(self) -> str:
        """The digest of everything but `refresh`; environments that differ only in what was resolved have it in common."""
        return self._digest("")

    @cached_property
    def refreshed_digest(self) -> str:
        """The name of the directory of the environment that is made."""
        return self._digest(self.refresh)

    def _digest(self, refresh: str) -> str:
        parts = {
            "python": self.python_version,
            "packages": [[path.name, digest_file(path)] for path in self.packages],
            "requirements": self.requirements_digest,
            "variables": self.variables_digest,
            "refresh": refresh,
        }
        if self.added:
            parts["added"] = list(self.added)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class MadeEnvironment:
    """A complete environment."""

    directory: Path
    packages: InstalledPackages


def get_python(environment: Path) -> Path:
    """Return the path of an environment's Python, which may not exist."""
    return environment / "bin" / "python"
