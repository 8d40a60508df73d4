"""The tokens in the user's settings, and which certificates are trusted, for each Lifecycle.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from racetrack_client.client_config.client_config import ClientConfig
from racetrack_client.utils.tls import TlsTrust
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


def set_tls_trust(client_config: ClientConfig, lifecycle_url: str, asked: TlsTrust) -> None:
    """Store in `client_config` which certificates are trusted; the caller saves the settings.

    What is not asked for stays as it was; raises ValidationError when a file of authorities can't be used.
    """
    kept = asked.over(read_tls_trust(client_config, lifecycle_url))
    kept.make_context()
    if kept.insecure or kept.ca_file:
        client_config.tls[lifecycle_url] = TlsTrust(bool(kept.insecure), kept.ca_file or None)
    else:
        client_config.tls.pop(lifecycle_url, None)


def read_tls_trust(client_config: ClientConfig, lifecycle_url: str) -> TlsTrust:
    """Return which certificates are trusted for a Lifecycle by its resolved URL."""
    return client_config.tls.get(lifecycle_url, TlsTrust())


def _list_keys(client_config: ClientConfig, lifecycle_url: str) -> list[str]:
    # Older clients stored URLs with the trailing slash that the user had typed.
    wanted = lifecycle_url.rstrip("/")
    return [url for url in client_config.user_auths if url.rstrip("/") == wanted]
