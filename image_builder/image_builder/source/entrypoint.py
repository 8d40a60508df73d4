"""Finding the entrypoint of a job among its files, before anything is built."""

from pathlib import Path

from racetrack_client.client.source_paths import resolve_inside
from racetrack_client.manifest import Manifest
from racetrack_client.manifest.entrypoint import UnfitEntrypoint, examine_entrypoint


def check_source(directory: Path, manifest: Manifest) -> None:
    """Raise UnfitEntrypoint when the file or class that the manifest names is missing, or its class offers nothing."""
    entrypoint_path = str(manifest.get_jobtype_extra().get("entrypoint_path") or "")
    if not entrypoint_path:
        return
    path = resolve_inside(directory, entrypoint_path, "entrypoint_path")
    if not path.is_file():
        raise UnfitEntrypoint(
            f"entrypoint_path {entrypoint_path!r} is not among the job's files{_name_candidates(directory)}; "
            "check the name, and that .gitignore does not leave it out"
        )
    examine_entrypoint(path, manifest)


def _name_candidates(directory: Path) -> str:
    names = sorted(path.name for path in directory.glob("*.py"))[:5]
    return f" ({', '.join(names)})" if names else ""
