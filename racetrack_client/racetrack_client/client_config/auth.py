"""The tokens in the user's settings."""

from racetrack_client.client_config.client_config import ClientConfig
from racetrack_client.utils.url import resolve_lifecycle_url


def set_user_auth(client_config: ClientConfig, lifecycle_url: str, user_auth: str) -> None:
    """Remember the token for a Lifecycle; the caller saves."""
    url = resolve_lifecycle_url(lifecycle_url, client_config.lifecycle_url_aliases)
    forget_user_auth(client_config, url)
    client_config.user_auths[url] = user_auth


def find_user_auth(client_config: ClientConfig, lifecycle_url: str) -> str | None:
    """Find the token for a Lifecycle by its resolved URL."""
    known = _find_keys(client_config, lifecycle_url)
    return client_config.user_auths[known[0]] if known else None


def forget_user_auth(client_config: ClientConfig, lifecycle_url: str) -> bool:
    """Forget the token for a Lifecycle; tells whether there was one. The caller saves."""
    known = _find_keys(client_config, lifecycle_url)
    for url in known:
        del client_config.user_auths[url]
    return bool(known)


def _find_keys(client_config: ClientConfig, lifecycle_url: str) -> list[str]:
    # Older clients kept a slash at the end as it was typed.
    wanted = lifecycle_url.rstrip("/")
    return [url for url in client_config.user_auths if url.rstrip("/") == wanted]
