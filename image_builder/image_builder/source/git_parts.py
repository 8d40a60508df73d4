"""The parts of a repository that a clone leaves out: submodules, and the files of Git LFS."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from racetrack_client.client.lfs import MAX_POINTER_BYTES, is_lfs_pointer
from racetrack_client.log.errors import ValidationError

from image_builder.running.programs import CommandFailed
from image_builder.source.git_program import GitProgram
from image_builder.source.lfs_endpoint import make_lfs_options
from image_builder.source.source_tree import SourceLimits

_LFS_SIZE = re.compile(r"^size (\d+)$", re.MULTILINE)
_LFS_FILTERS = (
    *("-c", "filter.lfs.clean=git-lfs clean -- %f"),
    *("-c", "filter.lfs.smudge=git-lfs smudge -- %f"),
    *("-c", "filter.lfs.process=git-lfs filter-process"),
)
"""Without these settings, which `git lfs install` makes otherwise, files are fetched and not checked out."""
_SHOWN = 3
_ALTERNATIVE = "or check the repository out, and deploy with --build-context local"


def fetch_submodules(git: GitProgram, repository: Path) -> None:
    """Check out the submodules of a repository; raises ValidationError, which says what to do."""
    if not (repository / ".gitmodules").is_file():
        return
    git.progress.log("fetching submodules")
    update = ["-C", str(repository), "submodule", "update", "--quiet", "--init", "--recursive"]
    try:
        git.run(*update, "--depth=1")
    except CommandFailed:
        # Some hosts give out single commits only with the history that leads to them.
        try:
            # The submodules that were fetched point into .git/modules, and git doesn't clone them again.
            git.run("-C", str(repository), "submodule", "--quiet", "deinit", "--all", "--force")
            shutil.rmtree(repository / ".git/modules", ignore_errors=True)
            git.run(*update)
        except CommandFailed as error:
            raise ValidationError(
                f"a submodule can't be fetched: {error}; the credentials of git.remote "
                f"count for its own host only; correct .gitmodules, {_ALTERNATIVE}"
            ) from error


def fetch_lfs_files(
    git: GitProgram, repository: Path, directory: Path, limits: SourceLimits
) -> None:
    """Replace the pointers of Git LFS below a directory by their files.

    Raises ValidationError when git-lfs is not installed, when the files are too large or can't be fetched.
    """
    pointers = _list_pointers(directory)
    if not pointers:
        return
    shown = ", ".join(str(each.relative_to(directory)) for each in pointers[:_SHOWN])
    shown += f" and {len(pointers) - _SHOWN} more" if len(pointers) > _SHOWN else ""
    if shutil.which("git-lfs", path=git.environment.get("PATH")) is None:
        raise ValidationError(
            f"{shown}: kept in Git LFS, and the Image Builder has no git-lfs to fetch it; "
            f"have git-lfs installed there, {_ALTERNATIVE}"
        )
    if sum(map(_read_size, pointers)) > limits.max_bytes:
        raise ValidationError(
            f"{shown}: the files in Git LFS are larger than {limits.max_bytes} bytes; "
            "docs/jobs.md says where large models go"
        )
    git.progress.log(f"fetching from Git LFS: {shown}")
    try:
        _pull(git, repository, directory)
    except CommandFailed as error:
        raise ValidationError(f"{shown}: can't be fetched from Git LFS: {error}") from error
    if left := _list_pointers(directory):
        raise ValidationError(
            f"{left[0].relative_to(directory)} is still a pointer of Git LFS after `git lfs pull`; "
            f"push the file with `git lfs push`, {_ALTERNATIVE}"
        )


def _pull(git: GitProgram, repository: Path, directory: Path) -> None:
    """Fetch the files below the directory, whose sizes were checked, from the remote of each repository around them."""
    for each in _list_repositories(repository.resolve()):
        if directory.is_relative_to(each):
            inside = directory.relative_to(each)
            chosen = [] if inside == Path() else [f"--include={inside.as_posix()}"]
        elif each.is_relative_to(directory) and _list_pointers(each):
            chosen = []
        else:
            continue
        options = (*_LFS_FILTERS, *make_lfs_options(git, each), "-C", str(each))
        git.asking_once().run(*options, "lfs", "pull", *chosen)


def _list_repositories(repository: Path) -> Sequence[Path]:
    """List a repository and its submodules, also those of submodules; the outer ones first."""
    found = (path.parent for path in sorted(repository.rglob(".git")))
    return [each for each in found if ".git" not in each.relative_to(repository).parts]


def _list_pointers(directory: Path) -> Sequence[Path]:
    return [
        path
        for path in sorted(directory.rglob("*"))
        if ".git" not in path.parts
        and path.is_file()
        and not path.is_symlink()
        and _is_pointer(path)
    ]


def _is_pointer(path: Path) -> bool:
    if path.stat().st_size > MAX_POINTER_BYTES:
        return False
    return is_lfs_pointer(path.read_bytes())


def _read_size(pointer: Path) -> int:
    match = _LFS_SIZE.search(pointer.read_text(errors="replace"))
    return int(match[1]) if match else 0
