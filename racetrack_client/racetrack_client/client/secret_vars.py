"""Secret variables of a job, which stay in files beside it."""

from pathlib import Path

from dotenv.parser import parse_stream

from racetrack_client.log.errors import ValidationError


def read_secret_vars(directory: Path, name: str | None) -> dict[str, str]:
    """Read an env file with dotenv's rules, without expansion; errors never show what is in it."""
    if not name:
        return {}
    file = directory / name
    if not file.is_file():
        raise ValidationError(
            f"secret variables {file} are not there; the manifest names that file"
        )
    try:
        with file.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except UnicodeDecodeError as error:
        raise ValidationError(f"secret variables {file} are no text") from error
    for binding in bindings:
        if binding.error:
            raise ValidationError(
                f"secret variables {file}: line {binding.original.line} must be NAME=VALUE"
            )
    return {binding.key: binding.value or "" for binding in bindings if binding.key is not None}
