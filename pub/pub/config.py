"""Settings of the gateway."""

from pydantic import Field, SecretStr
from racetrack_commons.settings import Settings


class Config(Settings):
    """Settings of one PUB process."""

    http_addr: str = "0.0.0.0"  # noqa: S104 - a service in a container listens on all its addresses
    """Address to listen on."""
    pub_port: int = 7205
    """Port to listen on."""
    service_name: str = Field(default="pub", pattern=r"^[A-Za-z0-9_-]+$")
    """Prefix of the routes; they also stand without it."""
    log_structured: bool = False
    """Log JSON lines."""
    lifecycle_url: str = "http://127.0.0.1:7202/lifecycle"
    """Where Lifecycle answers."""
    lifecycle_auth_token: SecretStr = SecretStr("")
    """Token of this service at Lifecycle."""
    lifecycle_timeout_seconds: float = Field(default=10, gt=0)
    """How long Lifecycle may take to answer."""
    auth_required: bool = True
    """Shown by /health; Lifecycle decides."""
    auth_debug: bool = False
    """Tell denied callers why."""
    request_tracing_header: str = "X-Request-Tracing-Id"
    """Header with the id that follows a call through jobs."""
    caller_name_header: str = "X-Caller-Name"
    """Header that tells jobs who calls."""
    lifecycle_cache_ttl_min: float = Field(default=60, ge=0)
    """Seconds for which an answer of Lifecycle is good while its changes arrive."""
    lifecycle_cache_ttl_max: float = Field(default=600, ge=0)
    """Seconds for which an answer is used when Lifecycle can't be asked."""
    cache_size: int = Field(default=20_000, ge=1)
    """Answers that are remembered at most."""
    connect_timeout_seconds: float = Field(default=5, gt=0)
    """How long connecting to a job may take."""
    response_timeout_seconds: float | None = Field(default=None, gt=0)
    """How long a job may take to begin its answer; by default as long as it needs."""
    max_concurrent_calls: int = Field(default=10_000, ge=1)
    """More calls at once are refused with 503."""
    shutdown_grace_seconds: int = Field(default=30, ge=0)
    """How long running calls may take after the gateway was told to stop."""
