"""The tokens in the user's settings.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from racetrack_client.client_config.client_config import ClientConfig
from racetrack_client.utils.url import resolve_lifecycle_url


def set_user_auth(client_config: ClientConfig, lifecycle_url: str, user_auth: str) -> None:
    """Store the token for a Lifecycle in `client_config`; the caller saves the settings."""
    url = resolve_lifecycle_url(lifecycle_url, client_config.lifecycle_url_aliases)
    forget_user_auth(client_config, url)
    client_config.user_auths[url] = user_auth


def find_user_auth(client_config: ClientConfig, lifecycle_url: str) -> str | None:
    """Return the token for a Lifecycle by its resolved URL, or None."""
    known = _list_keys(client_config, lifecycle_url)
    return client_config.user_auths[known[0]] if known else None


def forget_user_auth(client_config: ClientConfig, lifecycle_url: str) -> bool:
    """Remove the token for a Lifecycle and return whether there was one; the caller saves the settings."""
    known = _list_keys(client_config, lifecycle_url)
    for url in known:
        del client_config.user_auths[url]
    return bool(known)


def _list_keys(client_config: ClientConfig, lifecycle_url: str) -> list[str]:
    # Older clients stored URLs with the trailing slash that the user had typed.
    wanted = lifecycle_url.rstrip("/")
    return [url for url in client_config.user_auths if url.rstrip("/") == wanted]
