"""Settings of the gateway."""

from pydantic import Field, SecretStr
from racetrack_commons.settings import Settings


class Config(Settings):
    """Settings of one PUB process."""

    http_addr: str = "0.0.0.0"  # noqa: S104 - a service in a container listens on all its addresses
    """Address to listen on."""
    pub_port: int = 7205
    """Port to listen on."""
    service_name: str = "pub"
    """Prefix of the routes; they also stand without it."""
    lifecycle_url: str = "http://127.0.0.1:7202/lifecycle"
    """Where Lifecycle answers."""
    lifecycle_auth_token: SecretStr = SecretStr("")
    """Token of this service at Lifecycle."""
    auth_required: bool = True
    """Shown by /health; Lifecycle decides."""
    auth_debug: bool = False
    """Tell denied callers why."""
    request_tracing_header: str = "X-Request-Tracing-Id"
    """Header with the id that follows a call through jobs."""
    caller_name_header: str = "X-Caller-Name"
    """Header that tells jobs who calls."""
    lifecycle_cache_ttl_min: float = 60
    """Seconds for which an answer of Lifecycle is good while its changes arrive."""
    lifecycle_cache_ttl_max: float = 600
    """Seconds for which an answer is used when Lifecycle can't be asked."""
    cache_size: int = Field(default=20_000, ge=1)
    """Answers that are remembered at most."""
    connect_timeout_seconds: float = 5
    """How long connecting to a job may take."""
