"""Cloning the source of a job from a git repository: a branch, a tag or a commit, with submodules and files of Git LFS."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from racetrack_client.client.source_paths import check_leads_inside, resolve_inside
from racetrack_client.entities import Credentials
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import GitManifest
from racetrack_commons.disk_space import DiskSpace

from image_builder.running.build_users import BuildUsers
from image_builder.running.programs import CommandFailed
from image_builder.running.progress import BuildProgress
from image_builder.source.git_parts import fetch_lfs_files, fetch_submodules
from image_builder.source.git_program import GitProgram, make_git_environment
from image_builder.source.source_tree import Source, SourceLimits, measure_bytes

_DENIED = re.compile(
    r"Authentication failed|could not read (Username|Password)|terminal prompts disabled"
    r"|returned error: 40[13]|Permission denied",
    re.IGNORECASE,
)
_COMMIT_ID = re.compile(r"[0-9a-f]{7,64}")
_WHOLE_ID_LENGTHS = (40, 64)


class GitAccessDenied(ValidationError):
    """The repository needs credentials, or refused the given ones."""


@dataclass(frozen=True)
class GitSource:
    """Clones repositories with the protocols that are allowed."""

    environment: Mapping[str, str]
    """The variables that git inherits from the service."""
    protocols: Sequence[str]
    timeout_seconds: float
    limits: SourceLimits
    disk: DiskSpace = field(default_factory=lambda: DiskSpace((), 0))
    users: BuildUsers | None = None
    """The users of builds; None: git runs as the service's own user."""

    def clone(
        self,
        git: GitManifest,
        credentials: Credentials | None,
        workspace: Path,
        progress: BuildProgress,
    ) -> Source:
        """Clone the repository into the workspace and return it; raises ValidationError when it fails or is too large."""
        self._check_remote(git.remote)
        environment = make_git_environment(
            self.environment, self.protocols, git.remote, credentials, workspace
        )
        program = GitProgram(
            environment, self.timeout_seconds, progress, lambda: self._find_excess(workspace)
        )
        if self.users is None:
            return self._clone_by(program, git, credentials, workspace)
        with self.users.opened() as user, user.lent(workspace):
            program = replace(program, run_as=lambda command: user.run_as(command, workspace))
            return self._clone_by(program, git, credentials, workspace)

    def _clone_by(
        self,
        program: GitProgram,
        git: GitManifest,
        credentials: Credentials | None,
        workspace: Path,
    ) -> Source:
        repository, progress = workspace / "repository", program.progress
        if git.branch is not None:
            _check_branch(program, git.branch)
        progress.log(f"cloning {git.remote}" + (f", branch {git.branch}" if git.branch else ""))
        try:
            _check_out(program, git, repository)
        except CommandFailed as error:
            raise _explain(git, credentials, error) from error
        fetch_submodules(program, repository)
        directory = resolve_inside(repository, git.directory, "git.directory")
        if not directory.is_dir():
            raise ValidationError(
                f"git.directory {git.directory!r} is not a directory of {git.remote}"
            )
        fetch_lfs_files(program, repository, directory, self.limits)
        version = _describe(program, repository)
        for path in sorted(repository.rglob(".git")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        check_limits(repository, self.limits)
        _check_links(directory, progress)
        return Source(root=repository, directory=directory, git_version=version)

    def _find_excess(self, workspace: Path) -> str | None:
        """Return a sentence when what is cloned so far is too large: the files, and git's own copy of them."""
        most = 2 * self.limits.max_bytes
        if measure_bytes(workspace) > most:
            return f"the repository has more than {most // 1024**2} MiB: name a smaller one"
        return self.disk.find_shortage()

    def _check_remote(self, remote: str) -> None:
        parts = urlsplit(remote)
        if parts.scheme not in self.protocols or remote.startswith("-"):
            allowed = ", ".join(f"{protocol}://" for protocol in self.protocols)
            raise ValidationError(
                f"git.remote must start with {allowed}, but is {_hide_password(remote)!r}"
            )
        if parts.password:
            raise ValidationError(
                "git.remote must not hold a password; take it out and give it with `racetrack set credentials`"
            )


def _check_branch(program: GitProgram, branch: str) -> None:
    try:
        program.run("check-ref-format", "--branch", branch)
    except CommandFailed as error:
        raise ValidationError(
            f"git.branch {branch!r} can't be the name of a branch or tag"
        ) from error


def _check_out(program: GitProgram, git: GitManifest, repository: Path) -> None:
    """Clone the branch, tag or commit that the manifest names, without its history where the host allows that."""
    if git.branch is None or not _COMMIT_ID.fullmatch(git.branch):
        chosen = [] if git.branch is None else [f"--branch={git.branch}"]
        _clone(program, git.remote, repository, "--depth=1", "--single-branch", *chosen)
        return
    try:
        _fetch_named(program, git.remote, git.branch, repository)
    except CommandFailed as error:
        if _DENIED.search(str(error)):
            raise
        shutil.rmtree(repository, ignore_errors=True)
        _clone(program, git.remote, repository, "--no-checkout")
        _check_out_commit(program, git, repository)


def _clone(program: GitProgram, remote: str, repository: Path, *options: str) -> None:
    program.run("clone", "--quiet", *options, "--", remote, str(repository))


def _fetch_named(program: GitProgram, remote: str, name: str, repository: Path) -> None:
    """Fetch one commit by its whole id, or a branch or tag whose name could be the beginning of an id."""
    if len(name) not in _WHOLE_ID_LENGTHS:
        _clone(program, remote, repository, "--depth=1", "--single-branch", f"--branch={name}")
        return
    program.run("init", "--quiet", str(repository))
    here = ("-C", str(repository))
    program.run(*here, "remote", "add", "origin", remote)
    program.run(*here, "fetch", "--quiet", "--depth=1", "origin", name)
    program.run(*here, "checkout", "--quiet", "--detach", "FETCH_HEAD")


def _check_out_commit(program: GitProgram, git: GitManifest, repository: Path) -> None:
    try:
        program.run("-C", str(repository), "checkout", "--quiet", "--detach", git.branch or "")
    except CommandFailed as error:
        raise ValidationError(
            f"git.branch {git.branch!r} is no branch, tag or commit of {git.remote}"
        ) from error


def _describe(program: GitProgram, repository: Path) -> str:
    # Files of Git LFS differ from what git keeps, which `--dirty` would call a change.
    lines = program.capture("-C", str(repository), "describe", "--long", "--tags", "--always")
    return lines[-1] if lines else "unknown"


def _check_links(directory: Path, progress: BuildProgress) -> None:
    """Refuse links that lead outside the job's directory, as in files that are sent, and tell those to nothing."""
    for path in sorted(directory.rglob("*")):
        check_leads_inside(path, directory)
        if path.is_symlink() and not path.exists():
            progress.warn(f"{path.relative_to(directory)} is a link to nothing")


def check_limits(directory: Path, limits: SourceLimits) -> None:
    """Raise ValidationError when a directory tree holds too many files or bytes."""
    count, size = 0, 0
    for path in directory.rglob("*"):
        count, size = count + 1, size + path.lstat().st_size
        if count > limits.max_files:
            raise ValidationError(f"the repository holds more than {limits.max_files} files")
        if size > limits.max_bytes:
            raise ValidationError(f"the repository holds more than {limits.max_bytes} bytes")


def _explain(
    git: GitManifest, credentials: Credentials | None, error: CommandFailed
) -> ValidationError:
    if not _DENIED.search(str(error)):
        return ValidationError(f"{git.remote} can't be cloned: {error}")
    if credentials is None:
        return GitAccessDenied(
            f"{git.remote} asks for credentials and none are set; "
            "give them with `racetrack set credentials REPO_URL USERNAME TOKEN`"
        )
    return GitAccessDenied(
        f"{git.remote} refused the credentials of user {credentials.username!r}; "
        "set valid ones with `racetrack set credentials REPO_URL USERNAME TOKEN`"
    )


def _hide_password(remote: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", remote)
