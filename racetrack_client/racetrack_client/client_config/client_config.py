"""The file `~/.racetrack/config.yaml`."""

import os
import tempfile
from pathlib import Path

import pydantic
import yaml
from pydantic import BaseModel, ConfigDict, Field

from racetrack_client.log.errors import ValidationError


class Credentials(BaseModel):
    """User name and password, or token, of a git host."""

    username: str
    password: str = Field(repr=False)


class ClientConfig(BaseModel):
    """What the user has set; unknown keys of other versions are left out."""

    model_config = ConfigDict(extra="ignore")

    lifecycle_url: str = "http://127.0.0.1:7002"
    """The current remote: a URL or the name of an alias."""
    git_credentials: dict[str, Credentials] = Field(default_factory=dict)
    lifecycle_url_aliases: dict[str, str] = Field(default_factory=dict)
    user_auths: dict[str, str] = Field(default_factory=dict, repr=False)
    """Token of each Lifecycle URL."""


def default_config_path() -> Path:
    """Where the settings are when nothing else is said."""
    return Path.home() / ".racetrack/config.yaml"


def load_config(path: Path) -> ClientConfig:
    """Read the file; defaults when it is not there."""
    if not path.exists():
        return ClientConfig()
    try:
        return ClientConfig.model_validate(yaml.safe_load(path.read_text()) or {})
    except (yaml.YAMLError, pydantic.ValidationError, UnicodeDecodeError) as error:
        # The file holds secrets: say where it is wrong, not what is there.
        raise ValidationError(
            f"the client's settings in {path} can't be read: {_describe(error)}; "
            "mend or remove the file"
        ) from None


def save_config(path: Path, config: ClientConfig) -> None:
    """Write the file whole or not at all, readable only by its owner."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".config-")
    with os.fdopen(handle, "w") as file:
        yaml.safe_dump(config.model_dump(), file)
    Path(temporary).replace(path)


def _describe(error: yaml.YAMLError | pydantic.ValidationError | UnicodeDecodeError) -> str:
    if isinstance(error, pydantic.ValidationError):
        return ", ".join(
            f"{'.'.join(map(str, each['loc'])) or 'the whole file'}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
        )
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1} is not YAML"
    return "it is not YAML text"
