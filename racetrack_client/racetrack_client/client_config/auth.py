"""The tokens in the user's settings."""

from racetrack_client.client_config.client_config import ClientConfig
from racetrack_client.utils.url import resolve_lifecycle_url


def set_user_auth(client_config: ClientConfig, lifecycle_url: str, user_auth: str) -> None:
    """Remember the token for a Lifecycle; the caller saves."""
    url = resolve_lifecycle_url(lifecycle_url, client_config.lifecycle_url_aliases)
    client_config.user_auths[url] = user_auth
