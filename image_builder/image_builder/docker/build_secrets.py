"""Secret variables of a build: their names, and the file through which its steps read them."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from racetrack_client.log.errors import ValidationError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = re.compile(r'([\\"$`])')


def check_secret_names(variables: Mapping[str, str]) -> None:
    """Raise ValidationError unless every name is valid for a shell variable."""
    for name in variables:
        if not _NAME.fullmatch(name):
            raise ValidationError(
                f"the secret build variable {name!r} can't be the name of a variable"
            )


@contextmanager
def secrets_file(directory: Path, variables: Mapping[str, str]) -> Iterator[Path | None]:
    """Yield a file of `NAME="value"` lines that a shell can source, or None without variables; remove it after the block.

    The directory must be outside the build context. After a kill of the builder, the file is removed with its workspace.
    """
    if not variables:
        yield None
        return
    path = directory / "build_secrets.env"
    try:
        # The file is created with its final mode, so that other users can never read it.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(f'{name}="{_escape(value)}"\n' for name, value in variables.items())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _escape(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", value)
