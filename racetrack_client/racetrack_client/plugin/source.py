"""Finding the plugin to install: in a file, at a URL, or in a release on GitHub."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_client.utils.request import (
    Requests,
    is_same_origin,
    parse_response,
    parse_response_list,
)
from racetrack_client.utils.semver import SemanticVersion

GITHUB_API = "https://api.github.com"
_MAX_PAGES = 20
_NEXT_PAGE = re.compile(r'<([^>]+)>;\s*rel="next"')


@dataclass(frozen=True)
class PluginFile:
    """A plugin's zip and its file name."""

    name: str
    content: bytes

    @classmethod
    def from_url(cls, url: str, content: bytes) -> "PluginFile":
        """Make a plugin file that has the name in the path of its URL."""
        return cls(urlsplit(url).path.rsplit("/", 1)[-1], content)


@dataclass(frozen=True)
class GithubAccess:
    """The access to GitHub's API; a token gives access to private repositories."""

    api_url: str = GITHUB_API
    token: str | None = None


def fetch_plugin(uri: str, github: GithubAccess) -> PluginFile:
    """Read or download the plugin that a URI names."""
    if Path(uri).is_file():
        return PluginFile(Path(uri).name, Path(uri).read_bytes())
    url = urlsplit(uri)
    if url.scheme in {"http", "https"} and url.path.endswith(".zip"):
        return PluginFile.from_url(uri, _download(uri, {}))
    if match := re.fullmatch(r"(?:https://)?github\.com/([^/]+)/([^/=]+)(?:==(.+))?", uri):
        return _fetch_release(match[1], match[2], match[3], github)
    raise ValidationError(
        f"{uri} is no plugin: give a zip file, its URL, or github.com/OWNER/REPO[==VERSION]"
    )


def _fetch_release(owner: str, repo: str, version: str | None, github: GithubAccess) -> PluginFile:
    headers = {
        "Accept": "application/vnd.github+json",
        "User-Agent": "racetrack-client",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    if github.token:
        headers["Authorization"] = f"Bearer {github.token}"
    url = f"{github.api_url}/repos/{owner}/{repo}/releases?per_page=100"
    releases = _list_releases(url, headers)
    assets = dict(found for release in releases if (found := _find_asset(release)))
    candidates = [
        each
        for each in assets
        if (each.is_stable if version is None else str(each) == version.removeprefix("v"))
    ]
    if not candidates:
        known = ", ".join(str(each) for each in sorted(assets)) or "none"
        raise EntityNotFound(
            f"{owner}/{repo} has no release {version or 'that is stable'} with a zip; "
            f"there are: {known}"
        )
    asset = assets[max(candidates)]
    # GitHub serves the files of a private repository only through the API, and only as octets.
    download = {**headers, "Accept": "application/octet-stream"}
    url = asset["url"] if github.token and asset.get("url") else asset["browser_download_url"]
    content = _download(url, download)
    _check_digest(url, content, asset.get("digest"))
    return PluginFile.from_url(asset["browser_download_url"], content)


def _list_releases(url: str, headers: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    first = url
    for _ in range(_MAX_PAGES):
        response = Requests.get(url, headers=headers)
        yield from parse_response_list(response, "GitHub API response")
        following = _NEXT_PAGE.search(response.headers.get("Link") or "")
        # The request carries the token, which no other server may see.
        if not following or not is_same_origin(first, following[1]):
            return
        url = following[1]


def _check_digest(url: str, content: bytes, digest: str | None) -> None:
    kind, _, expected = (digest or "").partition(":")
    if kind == "sha256" and hashlib.sha256(content).hexdigest() != expected:
        raise ValidationError(f"{url} is not the file that was released: its SHA-256 differs")


def _find_asset(release: dict[str, Any]) -> tuple[SemanticVersion, dict[str, Any]] | None:
    names = (release.get("name") or "", release.get("tag_name") or "")
    versions = [found for name in names if (found := SemanticVersion.find(name.removeprefix("v")))]
    assets = release.get("assets") or []
    zips = [asset for asset in assets if asset["browser_download_url"].endswith(".zip")]
    return (versions[0], zips[0]) if versions and zips else None


def _download(url: str, headers: dict[str, str]) -> bytes:
    response = Requests.get(url, headers=headers)
    parse_response(response, f"downloading {url}")
    return response.content
