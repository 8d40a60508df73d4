"""The packages of an environment as they were resolved: their versions, and the commits of those from git."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from image_builder.running.progress import BuildProgress
from image_builder.source.requirements import get_name

_ID_LENGTH = 10
_NOT_CONTENT = ("direct_url.json,", "uv_cache.json,", "uv_build.json,", "REQUESTED,")
"""Records of the way by which a package came, not of what is in it."""


@dataclass(frozen=True)
class InstalledPackages:
    """The packages of a job, installed by its build or by an earlier one."""

    resolved: Mapping[str, str]
    """The versions of the packages by their names."""
    made_at: float
    is_reused: bool
    """True when an earlier build installed them."""


def tell_packages(
    packages: InstalledPackages, moving: Collection[str], progress: BuildProgress
) -> None:
    """Log the packages with the deployment, and warn when newer ones may be there of those in `moving`."""
    if not packages.resolved:
        return
    progress.log(f"packages: {describe_resolved(packages.resolved)}")
    if packages.is_reused and moving:
        resolved = packages.resolved
        known = {name: resolved[name] for name in moving if name in resolved}
        progress.warn(
            f"the packages that were installed on {describe_moment(packages.made_at)} are used again "
            f"({describe_resolved(known) or ', '.join(moving)}); --upgrade looks for newer ones"
        )


def read_resolved(environment: Path) -> dict[str, str]:
    """Return the version of each installed package by its name; a commit follows the version of a package from git."""
    found = {}
    for info in sorted(environment.glob("lib/python*/site-packages/*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
        commit = _read_commit(info / "direct_url.json")
        found[get_name(name)] = f"{version} at commit {commit}" if commit else version
    return found


def digest_installed(environment: Path) -> str:
    """Return a digest of the installed files of all packages, as their own records list them."""
    total = hashlib.sha256()
    for record in sorted(environment.glob("lib/python*/site-packages/*.dist-info/RECORD")):
        total.update(f"{record.parent.name}\n".encode())
        for line in sorted(record.read_text("utf-8", errors="replace").splitlines()):
            if not line.partition(".dist-info/")[2].startswith(_NOT_CONTENT):
                total.update(f"{line}\n".encode())
    return total.hexdigest()


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
