"""The packages of an environment as they were resolved: their versions, and the commits of those from git."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from image_builder.source.requirements import get_name

_ID_LENGTH = 10


def read_resolved(environment: Path) -> dict[str, str]:
    """Return the version of each installed package by its name; a commit follows the version of a package from git."""
    found = {}
    for info in sorted(environment.glob("lib/python*/site-packages/*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
        commit = _read_commit(info / "direct_url.json")
        found[get_name(name)] = f"{version} at commit {commit}" if commit else version
    return found


def describe_resolved(packages: Mapping[str, str]) -> str:
    """Return the packages and their versions as text."""
    return ", ".join(f"{name} {version}" for name, version in packages.items())


def describe_moment(timestamp: float) -> str:
    """Return a moment as text, to the minute."""
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M} UTC"


def _read_commit(file: Path) -> str:
    try:
        url = json.loads(file.read_text())
        return str(url["vcs_info"]["commit_id"])[:_ID_LENGTH]
    except (OSError, ValueError, KeyError):
        return ""
