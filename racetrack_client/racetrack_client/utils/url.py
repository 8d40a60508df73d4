"""URLs of Racetrack's services.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from urllib.parse import urlsplit

from racetrack_client.log.errors import ValidationError


def resolve_lifecycle_url(remote: str, aliases: dict[str, str]) -> str:
    """Return Lifecycle's URL for a remote: an alias, or a URL, perhaps without scheme and path."""
    url = aliases.get(remote, remote)
    if "://" not in url:
        if url.isdecimal():
            raise ValidationError(
                f"the remote {remote!r} is a number; for a port of this machine, say http://127.0.0.1:{url}"
            )
        url = f"https://{url}"
    if not _is_usable(url):
        raise ValidationError(
            f"the remote {remote!r} is neither an alias nor a URL such as https://racetrack.example.com"
        )
    parts = urlsplit(url)
    if not parts.path:
        return f"{parts.scheme}://{parts.netloc}/lifecycle"
    # The slash of `http://host/` stays, because it names the root on purpose: resolving twice changes nothing.
    return url if parts.path == "/" else url.rstrip("/")


def has_no_scheme(remote: str, aliases: dict[str, str]) -> bool:
    """Return whether a remote, or what its alias means, leaves out http:// or https://."""
    return "://" not in aliases.get(remote, remote)


def describe_missing_scheme(remote: str) -> str:
    """Return a sentence about a remote that names no scheme, which older clients and ours take for https."""
    return f"Without a scheme it means https; if the server speaks plain HTTP, say http://{remote}."


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    is_text = url.isprintable() and " " not in url
    return is_text and parts.scheme in ("http", "https") and bool(host)


def join_paths(*parts: str) -> str:
    """Join parts of a URL with single slashes; empty parts are left out, a trailing slash is kept."""
    filled = [part for part in parts if part.strip("/")]
    if len(filled) < 2:
        return "".join(filled)
    middle = [part.strip("/") for part in filled[1:-1]]
    return "/".join([filled[0].rstrip("/"), *middle, filled[-1].lstrip("/")])
