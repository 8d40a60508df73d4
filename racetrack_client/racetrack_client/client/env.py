"""Environment variables of a job."""

from collections.abc import Mapping


def merge_env_vars(
    env_vars: Mapping[str, str] | None, overrides: Mapping[str, str] | None
) -> dict[str, str]:
    """Both together in a new map; the second wins."""
    return {**(env_vars or {}), **(overrides or {})}
