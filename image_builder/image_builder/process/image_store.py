"""Images of process jobs on disk: `<images_dir>/<job name>/<tag>/` with `image.json` and `source/`.

An image appears all at once, by a rename, and never changes afterwards: jobs may run from it.
"""

import json
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SOURCE = "source"
_IMAGE_FILE = "image.json"
_BY_DIGEST = ".by-digest"
_LONGEST_MAKING_SECONDS = 3600


@dataclass(frozen=True)
class ProcessImage:
    """What `image.json` says."""

    job_name: str
    job_version: str
    image_tag: str
    content_digest: str
    """Of all that decides what the job does: source, job type, environment, variables."""
    job_type_version: str
    python: str
    command: Sequence[str]
    environment: Mapping[str, str]
    workdir: str = SOURCE


@dataclass(frozen=True)
class ImageStore:
    """The images of all jobs."""

    root: Path

    def find_tag(self, job_name: str, tag: str, content_digest: str) -> str | None:
        """Return the tag of an image with this content: preferably the one asked for; None when there is none."""
        if self._has_content(job_name, tag, content_digest):
            return tag
        pointer = self._pointer(job_name, content_digest)
        known_tag = pointer.read_text() if pointer.is_file() else ""
        return (
            known_tag
            if known_tag and self._has_content(job_name, known_tag, content_digest)
            else None
        )

    def locate(self, job_name: str, tag: str) -> Path:
        """Return the directory of an image."""
        return self.root / job_name / tag

    def add(self, image: ProcessImage, source: Path) -> None:
        """Make an image of a source, which is moved into it; an image of the same tag is replaced."""
        directory = self.locate(image.job_name, image.image_tag)
        temporary = directory.with_name(f".{image.image_tag}-{secrets.token_hex(4)}")
        temporary.mkdir(parents=True)
        try:
            shutil.move(source, temporary / SOURCE)
            (temporary / _IMAGE_FILE).write_text(json.dumps(asdict(image), indent=2))
            _replace(temporary, directory)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._point(image)

    def remove_leftovers(self) -> None:
        """Remove what builders left that were killed while they made an image."""
        oldest_living = time.time() - _LONGEST_MAKING_SECONDS
        for directory in self.root.glob("*/.*-*"):
            if directory.name != _BY_DIGEST and directory.stat().st_mtime < oldest_living:
                shutil.rmtree(directory, ignore_errors=True)

    def _has_content(self, job_name: str, tag: str, content_digest: str) -> bool:
        directory = self.locate(job_name, tag)
        try:
            image: dict[str, Any] = json.loads((directory / _IMAGE_FILE).read_bytes())
        except (OSError, ValueError):
            return False
        return image.get("content_digest") == content_digest and (directory / SOURCE).is_dir()

    def _pointer(self, job_name: str, content_digest: str) -> Path:
        return self.root / job_name / _BY_DIGEST / content_digest

    def _point(self, image: ProcessImage) -> None:
        pointer = self._pointer(image.job_name, image.content_digest)
        pointer.parent.mkdir(exist_ok=True)
        temporary = pointer.with_name(f"{pointer.name}.{secrets.token_hex(4)}")
        temporary.write_text(image.image_tag)
        temporary.replace(pointer)


def _replace(temporary: Path, directory: Path) -> None:
    if directory.exists():
        # Only a person who builds the same tag again comes here: each deployment has a tag of its own.
        old = temporary.with_name(f"{temporary.name}-old")
        directory.rename(old)
        temporary.rename(directory)
        shutil.rmtree(old, ignore_errors=True)
    else:
        temporary.rename(directory)
