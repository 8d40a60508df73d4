"""URLs of Racetrack's services."""

from urllib.parse import urlsplit

from racetrack_client.log.errors import ValidationError


def resolve_lifecycle_url(remote: str, aliases: dict[str, str]) -> str:
    """Turn a remote (alias or URL, perhaps without scheme and path) into Lifecycle's URL."""
    url = aliases.get(remote, remote)
    if "://" not in url:
        url = f"https://{url}"
    if not _is_usable(url):
        raise ValidationError(
            f"the remote {remote!r} is neither an alias nor a URL such as https://racetrack.example.com"
        )
    parts = urlsplit(url)
    if not parts.path:
        return f"{parts.scheme}://{parts.netloc}/lifecycle"
    # `http://host/` names the root on purpose, so its slash stays: resolving twice changes nothing.
    return url if parts.path == "/" else url.rstrip("/")


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    is_text = url.isprintable() and " " not in url
    return is_text and parts.scheme in ("http", "https") and bool(host)


def join_paths(*parts: str) -> str:
    """Join parts of a URL with single slashes; empty parts vanish, a slash at the end stays."""
    filled = [part for part in parts if part.strip("/")]
    if len(filled) < 2:
        return "".join(filled)
    middle = [part.strip("/") for part in filled[1:-1]]
    return "/".join([filled[0].rstrip("/"), *middle, filled[-1].lstrip("/")])
