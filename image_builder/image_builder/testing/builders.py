"""Builders for tests: job types without plugins, manifests, build payloads, archives and wheels."""

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from racetrack_client.entities import ImageKind
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import Manifest
from racetrack_client.plugin.plugin_manifest import PluginManifest
from racetrack_commons.entities.dto import BuildPayload
from racetrack_commons.plugin.job_type_definition import (
    ImageDefinition,
    JobTypeDefinition,
    ProcessRecipe,
)
from racetrack_commons.plugin.job_types import JobType
from racetrack_commons.plugin.plugin_data import PluginData
from racetrack_commons.testing.builders import a_manifest_dict

from image_builder.job_type.catalog import JobTypeCatalog

RECIPE: dict[str, Any] = {
    "packages": [],
    "requirements": ["{{ 'flowers' if 'flowers' in imported_modules }}"],
    "python_version": "{{ manifest_jobtype_extra.python_version or '' }}",
    "requirements_path": "{{ manifest_jobtype_extra.requirements_path or '' }}",
    "command": [
        "{python}",
        "{{ manifest_jobtype_extra.entrypoint_path }}",
        "{{ manifest_jobtype_extra.entrypoint_class or '' }}",
        "--port",
        "{port}",
    ],
}
ADDER = "class Adder:\n    def perform(self, a, b):\n        return a + b\n"


def _accept(_job_type: JobType, _manifest: Manifest) -> None:
    """Accept every manifest."""


@dataclass
class FakeJobTypes(JobTypeCatalog):
    """The job types that a test puts in."""

    all: list[JobType] = field(default_factory=list)
    check: Callable[[JobType, Manifest], None] = _accept
    """Called for each manifest; raises to refuse it."""

    def resolve(self, wanted: str, kind: ImageKind) -> JobType:
        """Return the first job type of the name, whatever its version."""
        for job_type in self.all:
            if job_type.name == wanted.partition(":")[0]:
                return job_type
        raise ValidationError(f"job type {wanted} is not supported")

    def check_manifest(self, job_type: JobType, manifest: Manifest) -> None:
        """Call the test's own check."""
        self.check(job_type, manifest)

    def list_all(self) -> Sequence[JobType]:
        """Return all job types."""
        return self.all

    def on_change(self, listener: Callable[[], None]) -> None:
        """Ignore the listener: these job types do not change."""


def a_job_type(
    plugin_directory: Path,
    *,
    name: str = "python3",
    version: str = "3.0.0",
    process: dict[str, Any] | None = None,
    images: Sequence[ImageDefinition] = (),
) -> JobType:
    """Make a job type; by default one that runs as a process and brings no package. An empty `process` means none."""
    content = RECIPE if process is None else process
    recipe = ProcessRecipe.model_validate(content) if content else None
    plugin = PluginData(
        zip_path=plugin_directory.with_suffix(".zip"),
        plugin_manifest=PluginManifest(name=name, version=version),
        plugin_instance=None,
        config_path=plugin_directory / "config.yaml",
        plugin_dir=plugin_directory,
    )
    return JobType(name, version, plugin, JobTypeDefinition(tuple(images), recipe))


def a_payload(
    files: Mapping[str, str | bytes] | None = None,
    *,
    manifest: dict[str, Any] | None = None,
    tag: str = "tag-1",
    deployment_id: str = "deployment-1",
    **fields: Any,
) -> BuildPayload:
    """Make the payload that asks for a process image of a small job."""
    return BuildPayload(
        manifest=manifest or a_manifest_dict(),
        tag=tag,
        deployment_id=deployment_id,
        image_kind=fields.pop("image_kind", ImageKind.PROCESS),
        build_context=fields.pop(
            "build_context", pack({"adder.py": ADDER} if files is None else files)
        ),
        **fields,
    )


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
    """Pack entries as they are, also unsafe ones."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    return base64.b64encode(buffer.getvalue()).decode()


def write_wheel(
    directory: Path, name: str = "tiny", version: str = "1.0.0", text: str = "x = 1\n"
) -> Path:
    """Write a wheel of one module without requirements, so that its installation needs no index."""
    path = directory / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},{_hash(content)},{len(content)}\n" for file, content in files.items())
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(file, content)
    return path


def _hash(content: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"
