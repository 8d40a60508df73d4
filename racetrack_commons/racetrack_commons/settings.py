"""Settings of a service, read once when it starts: environment over YAML file over default.

A secret may stand in a file of its own, which the variable `<NAME>_FILE` names. Known and weak secrets are refused.
"""

import difflib
import hashlib
import os
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar, get_args

import pydantic
from pydantic import BeforeValidator, SecretStr
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.datamodel import load_yaml_map

Item = TypeVar("Item")
# Digests, because the defaults themselves stand in one place only: the `.env` of local installations.
_DEVELOPMENT_DIGESTS = {
    "4a410556dcd6267873306c4a298afc60764c41c0cab94e472d05541192bb6bf9",  # AUTH_KEY
    "ef260e9aa3c673af240d17a2660480361a8e081d1ffeca2a5ed0e3219fc18567",  # SECRET_KEY
    "a4f841c9ecf5786adc573d507c3ee3a9ee8607ff49ac9c56016cf6d6914dd026",  # ADMIN_TOKEN
    "b20da81d6667e43a948b0935d6d31acd65381cdd722e3a1933a2aae7aa79247e",  # PUB_AUTH_TOKEN, with full access
    "3a893aa43ea193411343e992d214c05e80fdd8bb26465564a4f8cea6ddd86926",  # PUB_AUTH_TOKEN
    "7e57b7d5a819f03ecddf5ae482ec8a31ca338b7084c893d8279fe63861f0b1a0",  # IMAGE_BUILDER_AUTH_TOKEN
    "1647bf43fb81b78fa1a0ae6783872037d4a98f804129dea10cca9f113fc083dd",  # POSTGRES_PASSWORD
}
_LEAST_BYTES = {"auth_key": 32, "secret_key": 16, "forwarding_key": 32}
"""Shorter keys can be guessed from one token, or one encrypted value, without asking a service."""
_LEAST_CHARACTERS = 8
"""Keys of fewer different characters are not random."""
_PLACEHOLDERS = {"admin", "changeme", "change-me", "password", "racetrack", "secret", "test"}


class SettingsError(ValidationError):
    """The settings are wrong, so the service can't start; the message never holds a value."""


class Settings(BaseSettings):
    """The base of each service's `Config`; the environment variable of a field is its name in capitals."""

    model_config = SettingsConfigDict(
        extra="forbid", env_ignore_empty=True, hide_input_in_errors=True
    )

    development_mode: bool = False
    """Accept the published development secrets; only for machines that no one else can reach."""
    http_addr: str = "0.0.0.0"  # noqa: S104 - a service in a container listens on all its addresses
    """The address to listen on."""
    log_level: str = "info"
    """`debug`, `info`, `warn`, `error`, `crit` or `off`."""
    log_structured: bool = False
    """Write log records as JSON lines."""
    git_version: str = "dev"
    """Version of the source that the service was built from."""
    docker_tag: str = ""
    """Tag of the service's own image."""

    @classmethod
    def load(cls, config_file: str | None = None) -> Self:
        """Return the settings from the file, by default that of CONFIG_FILE, from files of secrets and from the environment.

        The environment takes precedence.

        Raises SettingsError, which lists everything that is wrong. Only this method checks secrets.
        """
        path = config_file or read_variable("CONFIG_FILE")
        try:
            values = _read_yaml(Path(path), cls) if path else {}
            settings = cls(**(values | _read_secret_files(cls) | EnvSettingsSource(cls)()))
        except pydantic.ValidationError as e:
            raise SettingsError(_describe(e)) from None
        settings.check_secrets()
        return settings

    def check_secrets(self) -> None:
        """Raise SettingsError when secrets are missing or publicly known, unless the development mode is on."""
        if self.development_mode:
            return
        problems = [*self._missing_secrets(), *self._known_secrets(), *self._weak_secrets()]
        if problems:
            raise SettingsError(
                f"{'; '.join(problems)}. Set a secret of your own (`openssl rand -hex 32` makes"
                " one), or DEVELOPMENT_MODE=true on a machine that nobody else reaches"
            )

    def find_exposure(self) -> str | None:
        """Return a warning if the development mode is on at an address that other machines may reach; None otherwise."""
        if not self.development_mode or is_loopback(self.http_addr):
            return None
        return (
            f"DEVELOPMENT MODE AT {self.http_addr}: whoever reaches this address is an administrator, because the"
            " secrets, and the password of admin, are published. Only on a machine, or in a container, that"
            " no one else reaches; otherwise set DEVELOPMENT_MODE=false and secrets of your own"
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of values: arguments and the environment."""
        return init_settings, env_settings

    def _missing_secrets(self) -> list[str]:
        """List the missing secrets: a field of type `SecretStr` is required, one of `SecretStr | None` is optional."""
        return [
            f"{name.upper()} is missing"
            for name, field in type(self).model_fields.items()
            if field.annotation is SecretStr and not getattr(self, name).get_secret_value().strip()
        ]

    def _known_secrets(self) -> list[str]:
        return [
            f"{name.upper()} is a default that everybody knows"
            for name, value in self
            if isinstance(value, SecretStr) and is_development_secret(value.get_secret_value())
        ]

    def _weak_secrets(self) -> list[str]:
        values = {
            name: value.get_secret_value()
            for name, value in self
            if name in _LEAST_BYTES and isinstance(value, SecretStr)
        }
        return [
            f"{name.upper()} {fault}"
            for name, text in values.items()
            if text.strip() and (fault := _find_weakness(text, _LEAST_BYTES[name]))
        ]


def read_variable(name: str, default: str = "") -> str:
    """Return one of the few environment variables that plugins read without a Config."""
    return os.environ.get(name) or default  # noqa: TID251 - the one place beside __main__


def is_development_secret(text: str) -> bool:
    """Return whether a secret is a published default or easily guessed."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return digest in _DEVELOPMENT_DIGESTS or text.lower() in _PLACEHOLDERS


def is_loopback(address: str) -> bool:
    """Return whether only programs of this machine reach a service at an address."""
    if address == "localhost":
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _find_weakness(text: str, least_bytes: int) -> str | None:
    length = len(text.encode())
    if length < least_bytes:
        return f"has {length} bytes, and needs {least_bytes} at least"
    if len(set(text)) < _LEAST_CHARACTERS or text in (text + text)[1:-1]:
        return "repeats the same characters, and must be random"
    return None


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


CommaSeparated = Annotated[tuple[Item, ...], NoDecode, BeforeValidator(_split)]
"""A field of several values: separated by commas in the environment, a list in the file."""


def _read_yaml(path: Path, settings: type[Settings]) -> dict[str, Any]:
    try:
        values = load_yaml_map(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise SettingsError(f"the settings file {path} can't be read: {e}") from e
    known = set(settings.model_fields)
    if unknown := [str(key) for key in values if key not in known]:
        hints = "; ".join(_hint(key, known) for key in unknown)
        raise SettingsError(f"unknown keys in the settings file {path}: {hints}")
    return values


def _read_secret_files(settings: type[Settings]) -> dict[str, str]:
    """Return the secrets whose variables `<NAME>_FILE` name a file; an empty file gives none."""
    paths = {
        name: path
        for name, field in settings.model_fields.items()
        if _is_secret(field.annotation) and (path := read_variable(f"{name.upper()}_FILE"))
    }
    if doubled := [name.upper() for name in paths if read_variable(name.upper())]:
        raise SettingsError(
            "; ".join(f"{name} and {name}_FILE are both set: keep one" for name in doubled)
        )
    secrets = {name: _read_secret(name, Path(path)) for name, path in paths.items()}
    return {name: secret for name, secret in secrets.items() if secret}


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or SecretStr in get_args(annotation)


def _read_secret(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{name.upper()}_FILE names {path}, which can't be read: {error}"
        ) from error


def _hint(key: str, known: set[str]) -> str:
    close = difflib.get_close_matches(key, sorted(known), n=1)
    return f"{key} (did you mean {close[0]}?)" if close else key


def _describe(error: pydantic.ValidationError) -> str:
    problems = [
        f"{str(problem['loc'][0]).upper() if problem['loc'] else 'settings'}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False)
    ]
    return f"wrong settings, in the environment or the settings file: {'; '.join(problems)}"
