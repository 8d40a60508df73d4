"""The user's settings in `~/.racetrack/config.yaml`.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydantic
import yaml
from pydantic import BaseModel, ConfigDict, Field

from racetrack_client.entities import Credentials
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.bounded_yaml import load_bounded_yaml
from racetrack_client.utils.tls import TlsTrust

__all__ = [
    "ClientConfig",
    "Credentials",
    "changing_config",
    "default_config_path",
    "is_open_to_others",
    "load_config",
    "save_config",
]


DEFAULT_REMOTE = "http://127.0.0.1:7002"
"""The remote of older clients where none was set; no platform of today is there by itself."""


class ClientConfig(BaseModel):
    """The settings of the user; unknown keys of other versions are ignored."""

    model_config = ConfigDict(extra="ignore", defer_build=True)

    lifecycle_url: str = DEFAULT_REMOTE
    """The current remote: a URL or the name of an alias."""
    git_credentials: dict[str, Credentials] = Field(default_factory=dict)
    lifecycle_url_aliases: dict[str, str] = Field(default_factory=dict)
    user_auths: dict[str, str] = Field(default_factory=dict, repr=False)
    """The token for each Lifecycle, by URL."""
    tls: dict[str, TlsTrust] = Field(default_factory=dict)
    """The trust in the certificate of each Lifecycle, by URL."""

    @property
    def has_remote(self) -> bool:
        """True if the user has chosen a remote, perhaps the default one."""
        return "lifecycle_url" in self.model_fields_set

    def list_stored(self) -> dict[str, object]:
        """Return the content of the file; a remote that was not chosen is left out, so that it is not taken for a choice."""
        absent = set() if self.has_remote else {"lifecycle_url"}
        return self.model_dump(exclude=absent if self.tls else absent | {"tls"})


def default_config_path() -> Path:
    """Return the default path of the settings file."""
    return Path.home() / ".racetrack/config.yaml"


def load_config(path: Path) -> ClientConfig:
    """Read the file; a missing file gives the defaults."""
    try:
        return ClientConfig.model_validate(load_bounded_yaml(path.read_text()) or {})
    except (FileNotFoundError, NotADirectoryError):
        return ClientConfig()
    except OSError as error:
        raise ValidationError(
            f"the client's settings in {path} can't be read: {error.strerror}"
        ) from error
    except (yaml.YAMLError, pydantic.ValidationError, UnicodeDecodeError) as error:
        # The file holds secrets, so the message names the place of the error and not the content.
        raise ValidationError(
            f"the client's settings in {path} can't be read: {_describe(error)}; "
            "mend or remove the file"
        ) from None


def save_config(path: Path, config: ClientConfig) -> None:
    """Write the file atomically, readable only by its owner; a symbolic link to it remains a link."""
    path = path.resolve()
    with _explaining_write(path):
        handle, temporary = tempfile.mkstemp(dir=_make_directory(path), prefix=".config-")
        try:
            with os.fdopen(handle, "w") as file:
                yaml.safe_dump(config.list_stored(), file)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def changing_config(path: Path) -> Iterator[ClientConfig]:
    """Give the settings to be changed, and save them at the end of the block; other commands wait meanwhile."""
    with _explaining_write(path):
        directory = os.open(_make_directory(path.resolve()), os.O_RDONLY)
    try:
        # Some network file systems have no locks; there, two commands at once may lose a change.
        with contextlib.suppress(OSError):
            fcntl.flock(directory, fcntl.LOCK_EX)
        config = load_config(path)
        yield config
        save_config(path, config)
    finally:
        os.close(directory)


def is_open_to_others(path: Path) -> bool:
    """Return whether other users of this machine may read or change the file, which holds tokens."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return bool(mode & (stat.S_IRWXG | stat.S_IRWXO))


def _make_directory(path: Path) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.parent


@contextmanager
def _explaining_write(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ValidationError(
            f"the client's settings can't be written to {path}: {error.strerror}; name another file "
            "with RACETRACK_CONFIG, or go without one by RACETRACK_REMOTE and RACETRACK_AUTH_TOKEN"
        ) from error


def _describe(error: yaml.YAMLError | pydantic.ValidationError | UnicodeDecodeError) -> str:
    if isinstance(error, pydantic.ValidationError):
        return ", ".join(
            f"{'.'.join(map(str, each['loc'])) or 'the whole file'}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
        )
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1} is not YAML"
    return "it is not YAML text"
