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
    async_max_attempts: int = Field(default=2, ge=1)
    """How often an async call is sent when the job can't be reached or answers 404."""
    async_task_retry_interval: float = Field(default=10, ge=0, le=3600)
    """Seconds between two attempts of an async call."""
    async_max_running: int = Field(default=100, ge=1)
    """Async calls that run here at once; more of them wait in the database."""
    async_max_body_bytes: int = Field(default=16 * 1024**2, ge=0)
    """Larger bodies of async calls are refused with 413, and larger answers are failures."""
    async_call_timeout_seconds: float = Field(default=7200, gt=0)
    """How long one attempt of an async call may take."""
    async_poll_seconds: float = Field(default=30, ge=0)
    """How long a poll waits for the end of an async call."""
    async_keep_seconds: float = Field(default=30, ge=0, le=86400)
    """How long the end of an async call can be asked for again."""
    async_lease_seconds: float = Field(default=15, ge=1, le=3600)
    """How long an async call waits for a gateway that vanished, before another one runs it again."""
    async_look_seconds: float = Field(default=1, gt=0)
    """How often a gateway looks for async calls that nobody runs."""
