"""The server of Git LFS for a repository: the host of its remote, whatever the repository's .lfsconfig asks for."""

import re
from collections.abc import Iterator
from pathlib import Path

from racetrack_client.log.errors import ValidationError

from image_builder.source.git_program import GitProgram

_URL = re.compile(
    r"([a-z][a-z0-9+.-]*)://(?:[^/?#@\\\s]*@)?([\w.-]*|\[[\da-f:.]+\])(?::(\d+))?(/.*)?",
    re.IGNORECASE | re.ASCII,
)
_DEFAULT_PORTS = {"http": "80", "https": "443", "ssh": "22", "git": "9418"}
_WEB = ("http", "https")


def make_lfs_options(git: GitProgram, repository: Path) -> list[str]:
    """Return the options that bind git-lfs to the remote of a repository, without programs or SSH of its own choice.

    Raises ValidationError when the repository's .lfsconfig names another scheme or host: git-lfs
    doesn't know GIT_ALLOW_PROTOCOL.
    """
    remote = git.capture("-C", str(repository), "config", "--get", "remote.origin.url")[-1]
    url = _make_endpoint(remote)
    for key, asked in _list_asked(git, repository):
        if _find_origin(asked) is None or _find_origin(asked) != _find_origin(remote):
            raise ValidationError(
                f"{key} in .lfsconfig leads to another scheme or host than the repository's remote; "
                "keep the files of Git LFS on the remote's host and take the key out, "
                "or check the repository out, and deploy with --build-context local"
            )
        url = asked if key == "lfs.url" else url
    settings = (f"lfs.url={url}", "lfs.basictransfersonly=true", "lfs.sshtransfer=never")
    return [option for setting in settings for option in ("-c", setting)]


def _list_asked(git: GitProgram, repository: Path) -> Iterator[tuple[str, str]]:
    """Yield the keys of .lfsconfig that name a server, and the URLs in them."""
    path = repository / ".lfsconfig"
    if path.is_symlink():
        raise ValidationError(".lfsconfig is a link; put the file itself into the repository")
    if not path.is_file():
        return
    for line in git.capture("config", "--file", str(path), "--list"):
        # A subsection may be a URL with `=` in it, and then the key's end isn't known.
        section, _, rest = line.partition(".")
        if section == "lfs" and "://" in rest.partition("=")[0]:
            yield line, rest.rpartition(".")[0]
        key, _, value = line.partition("=")
        if key in ("lfs.url", "lfs.pushurl") or re.fullmatch(r"remote\..*\.lfsurl", key):
            yield key, value


def _find_origin(url: str) -> tuple[str, str, str] | None:
    """Return the scheme, host and port of a URL, or None for one that programs could read in different ways."""
    match = _URL.fullmatch(url)
    if match is None:
        return None
    scheme, host, port = match[1].lower(), match[2].lower(), match[3]
    return scheme, host, port or _DEFAULT_PORTS.get(scheme, "")


def _make_endpoint(remote: str) -> str:
    """Return the URL that git-lfs itself derives from a remote, but never with a password, as arguments can be seen."""
    match = _URL.fullmatch(remote)
    if match is None or match[1].lower() not in _WEB:
        return remote
    port = f":{match[3]}" if match[3] else ""
    path = (match[4] or "").rstrip("/").removesuffix(".git")
    return f"{match[1]}://{match[2]}{port}{path}.git/info/lfs"
