"""Images of process jobs on disk: `<images_dir>/<job name>/<tag>/` with `image.json` and `source/`.

An image appears at once, by a rename, and never changes afterwards, because jobs may run from it. It also disappears at
once. The modification time of its `image.json` is the time at which it was made or was last needed.
"""

import contextlib
import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock
from racetrack_client.entities import IMAGE_FILE, SOURCE_DIRECTORY, ProcessImage
from racetrack_commons.entities.dto import JobImage

_LOCK = ".lock"
_BY_DIGEST = ".by-digest"
_LONGEST_MAKING_SECONDS = 3600


@dataclass(frozen=True)
class ImageStore:
    """The images of all jobs in one directory, which several builders may share."""

    root: Path

    def find_tag(self, job_name: str, tag: str, content_digest: str) -> str | None:
        """Return the tag of an image with this content, preferably `tag`; None when there is none.

        An image that is found counts as needed at this moment.
        """
        pointer = self._locate_pointer(job_name, content_digest)
        with self._locked():
            known_tag = pointer.read_text() if pointer.is_file() else ""
            for each in filter(None, (tag, known_tag)):
                if self._has_content(job_name, each, content_digest):
                    os.utime(self.locate(job_name, each) / IMAGE_FILE)
                    return each
        return None

    def locate(self, job_name: str, tag: str) -> Path:
        """Return the directory of an image, which may not exist."""
        return self.root / job_name / tag

    def add(self, image: ProcessImage, source: Path) -> None:
        """Add an image; the directory `source` is moved into it. An image with the same tag is replaced."""
        directory = self.locate(image.job_name, image.image_tag)
        temporary = directory.with_name(f".{image.image_tag}-{secrets.token_hex(4)}")
        with self._locked():
            # Lifecycle opens the images of a job to the user of that job.
            temporary.parent.mkdir(mode=0o700, exist_ok=True)
            temporary.mkdir()
        try:
            shutil.move(source, temporary / SOURCE_DIRECTORY)
            (temporary / IMAGE_FILE).write_text(image.model_dump_json(indent=2), "utf-8")
            _replace(temporary, directory)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._write_pointer(image)

    def remove_unneeded(self, needed: Collection[JobImage], before: datetime) -> list[str]:
        """Remove images that are not in `needed` and were last needed before `before`; return their names."""
        removed = []
        for directory in self._list_directories():
            if JobImage(job_name=directory.parent.name, image_tag=directory.name) in needed:
                with contextlib.suppress(FileNotFoundError):
                    os.utime(directory / IMAGE_FILE)
            elif self._remove(directory, before):
                removed.append(f"{directory.parent.name}:{directory.name}")
        for job in _list_visible(self.root):
            self._remove_dead_pointers(job)
        return removed

    def list_pythons(self) -> set[Path]:
        """Return the Python interpreters that the images use."""
        images = (_read_image(directory) for directory in self._list_directories())
        return {Path(image["python"]) for image in images if "python" in image}

    def close_jobs(self) -> None:
        """Close the images of jobs that earlier versions left open to all users; Lifecycle opens what it starts."""
        for job in _list_visible(self.root):
            if job.stat().st_mode & 0o007:
                job.chmod(0o700)

    def remove_leftovers(self) -> None:
        """Remove the leftovers of builders that were killed while they added or removed an image."""
        oldest_living = time.time() - _LONGEST_MAKING_SECONDS
        for directory in self.root.glob("*/.*-*"):
            with contextlib.suppress(FileNotFoundError):
                if directory.name != _BY_DIGEST and directory.stat().st_mtime < oldest_living:
                    shutil.rmtree(directory, ignore_errors=True)

    def _has_content(self, job_name: str, tag: str, content_digest: str) -> bool:
        directory = self.locate(job_name, tag)
        image = _read_image(directory)
        return (
            image.get("content_digest") == content_digest
            and (directory / SOURCE_DIRECTORY).is_dir()
        )

    def _list_directories(self) -> list[Path]:
        return [image for job in _list_visible(self.root) for image in _list_visible(job)]

    def _remove(self, directory: Path, before: datetime) -> bool:
        doomed = directory.with_name(f".{directory.name}-{secrets.token_hex(4)}")
        with self._locked():
            if _last_needed(directory) >= before.timestamp():
                return False
            directory.rename(doomed)
        # A builder that is killed here leaves a directory whose name marks it as a leftover.
        shutil.rmtree(doomed, ignore_errors=True)
        return True

    def _remove_dead_pointers(self, job: Path) -> None:
        """Remove pointers to removed images, and the directory of a job without images."""
        with self._locked():
            for pointer in (job / _BY_DIGEST).glob("*"):
                # A pointer with a suffix is the leftover of a builder that was killed while it wrote the pointer.
                if pointer.suffix or not (job / pointer.read_text()).is_dir():
                    pointer.unlink()
            for directory in (job / _BY_DIGEST, job):
                with contextlib.suppress(OSError):
                    directory.rmdir()

    def _locked(self) -> AbstractContextManager[object]:
        """Lock the store, so that no other builder finds an image that is just being removed."""
        self.root.mkdir(parents=True, exist_ok=True)
        return FileLock(self.root / _LOCK, poll_interval=0.005)

    def _locate_pointer(self, job_name: str, content_digest: str) -> Path:
        return self.root / job_name / _BY_DIGEST / content_digest

    def _write_pointer(self, image: ProcessImage) -> None:
        pointer = self._locate_pointer(image.job_name, image.content_digest)
        temporary = pointer.with_name(f"{pointer.name}.{secrets.token_hex(4)}")
        with self._locked():
            pointer.parent.mkdir(exist_ok=True)
            temporary.write_text(image.image_tag)
            temporary.replace(pointer)


def _list_visible(directory: Path) -> Iterator[Path]:
    """Yield the subdirectories, except those that are being added or removed."""
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries if entry.is_dir() and entry.name[0] != "."]
    except FileNotFoundError:
        return  # Another builder removed the directory.
    yield from (directory / name for name in names)


def _read_image(directory: Path) -> dict[str, Any]:
    """Return the content of `image.json`; an empty dict when it is damaged or missing."""
    try:
        image: dict[str, Any] = json.loads((directory / IMAGE_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return image


def _last_needed(directory: Path) -> float:
    file = directory / IMAGE_FILE
    try:
        return (file if file.exists() else directory).stat().st_mtime
    except FileNotFoundError:
        return math.inf  # Another builder removed the directory.


def _replace(temporary: Path, directory: Path) -> None:
    if directory.exists():
        # This only happens on the command line: each deployment has its own tag.
        old = temporary.with_name(f"{temporary.name}-old")
        directory.rename(old)
        temporary.rename(directory)
        shutil.rmtree(old, ignore_errors=True)
    else:
        temporary.rename(directory)
