"""Environment variables of a job.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from collections.abc import Mapping


def merge_env_vars(
    env_vars: Mapping[str, str] | None, overrides: Mapping[str, str] | None
) -> dict[str, str]:
    """Return both together in a new map; a value of `overrides` replaces that of `env_vars`."""
    return {**(env_vars or {}), **(overrides or {})}
