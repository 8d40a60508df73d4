"""Secret variables of a job, which stay in files beside it."""

from pathlib import Path

from dotenv import dotenv_values

from racetrack_client.log.errors import ValidationError


def read_secret_vars(directory: Path, name: str | None) -> dict[str, str]:
    """Read an env file with dotenv's rules, without expansion."""
    if not name:
        return {}
    file = directory / name
    if not file.is_file():
        raise ValidationError(
            f"secret variables {file} are not there; the manifest names that file"
        )
    return {key: value or "" for key, value in dotenv_values(file, interpolate=False).items()}
