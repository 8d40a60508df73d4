"""Requests for builds, and the archives in them."""

import base64
import io
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

from racetrack_commons.entities.dto import BuildPayload

ADDER = "class Adder:\n    def perform(self, a, b):\n        return a + b\n"


def pack(files: Mapping[str, str | bytes]) -> str:
    """Pack texts as the client packs a directory."""
    entries = []
    for name, text in files.items():
        content = text.encode() if isinstance(text, str) else text
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        entries.append((entry, content))
    return pack_entries(entries)


def pack_entries(entries: Sequence[tuple[tarfile.TarInfo, bytes]]) -> str:
    """Pack entries as they are, good or bad."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    return base64.b64encode(buffer.getvalue()).decode()


def a_manifest(name: str = "adder", **extra: Any) -> dict[str, Any]:
    """Make a manifest as Lifecycle sends it."""
    return {
        "name": name,
        "owner_email": "sample@example.com",
        "git": {"remote": "https://example.com/sample/adder"},
        "version": "0.0.1",
        "jobtype": "python3:latest",
        "jobtype_extra": {"entrypoint_path": "adder.py", "entrypoint_class": "Adder"},
    } | extra


def a_payload(
    files: Mapping[str, str | bytes] | None = None,
    *,
    manifest: dict[str, Any] | None = None,
    tag: str = "tag-1",
    deployment_id: str = "deployment-1",
    **fields: Any,
) -> BuildPayload:
    """Ask for a process image of a small job."""
    return BuildPayload(
        manifest=manifest or a_manifest(),
        tag=tag,
        deployment_id=deployment_id,
        image_kind=fields.pop("image_kind", "process"),
        build_context=fields.pop(
            "build_context", pack({"adder.py": ADDER} if files is None else files)
        ),
        **fields,
    )
