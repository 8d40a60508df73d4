"""Settings of the gateway."""

from pydantic import Field, SecretStr
from racetrack_commons.settings import Settings


class PubConfig(Settings):
    """Settings of one PUB process."""

    pub_port: int = 7205
    """The port to listen on."""
    service_name: str = Field(default="pub", pattern=r"^[A-Za-z0-9_-]+$")
    """The prefix of all routes; each route is served without the prefix, too."""
    lifecycle_url: str = "http://127.0.0.1:7202/lifecycle"
    """The URL of Lifecycle."""
    lifecycle_auth_token: SecretStr = SecretStr("")
    """The token of this service at Lifecycle."""
    lifecycle_timeout_seconds: float = Field(default=10, gt=0)
    """Seconds that Lifecycle may take to answer."""
    auth_required: bool = True
    """The value that /health shows; Lifecycle decides who may call."""
    auth_debug: bool = False
    """Tell callers the reason of a 401."""
    request_tracing_header: str = "X-Request-Tracing-Id"
    """The header with the id that follows a call through jobs."""
    caller_name_header: str = "X-Caller-Name"
    """The header that tells a job its caller."""
    lifecycle_cache_ttl_min: float = Field(default=60, ge=0)
    """Seconds for which a decision of Lifecycle is valid while the stream of changes is connected."""
    lifecycle_cache_ttl_max: float = Field(default=600, ge=0)
    """Seconds for which a decision is used while Lifecycle does not answer."""
    cache_size: int = Field(default=20_000, ge=1)
    """The most decisions of Lifecycle that are cached."""
    connect_timeout_seconds: float = Field(default=5, gt=0)
    """Seconds that connecting to a job may take."""
    response_timeout_seconds: float | None = Field(default=None, gt=0)
    """Seconds that a job may take to begin its answer; without a value, there is no limit."""
    max_concurrent_calls: int = Field(default=10_000, ge=1)
    """The most calls at once; further calls are refused with 503."""
    websocket_max_message_bytes: int = Field(default=16 * 1024**2, ge=1)
    """The largest message of a WebSocket, from either side; a larger one closes the connection with code 1009."""
    call_report_seconds: float = Field(default=10, gt=0)
    """Seconds between two reports of the calls and callers to Lifecycle; a killed gateway loses the calls of this time."""
    shutdown_grace_seconds: int = Field(default=30, ge=0)
    """Seconds that running calls may take after the gateway was told to stop."""
    async_max_attempts: int = Field(default=2, ge=1)
    """The most attempts of an async call whose job can't be reached or answers 404."""
    async_task_retry_interval: float = Field(default=10, ge=0, le=3600)
    """Seconds between two attempts of an async call."""
    async_max_running: int = Field(default=100, ge=1)
    """The most async calls that one gateway runs at once; further calls wait in the database."""
    async_max_running_of_job: int | None = Field(default=None, ge=1)
    """The most async calls of one job that one gateway runs at once; without a value, half of ASYNC_MAX_RUNNING."""
    async_max_body_bytes: int = Field(default=16 * 1024**2, ge=0)
    """The largest body of an async call, else 413, and of its answer, else the call fails."""
    async_call_timeout_seconds: float = Field(default=7200, gt=0)
    """Seconds that one attempt of an async call may take."""
    async_poll_seconds: float = Field(default=30, ge=0)
    """Seconds that a poll waits for an async call to complete."""
    async_open_poll: bool = True
    """Answer every poll that knows the id of an async call; False demands the token of the caller who started the call."""
    async_keep_seconds: float = Field(default=30, ge=0, le=86400)
    """Seconds for which the answer of an async call can be fetched again."""
    async_lease_seconds: float = Field(default=15, ge=1, le=3600)
    """Seconds until an async call whose gateway vanished is run by another gateway."""
    async_look_seconds: float = Field(default=1, gt=0)
    """Seconds between two looks for async calls that no gateway runs."""

    @property
    def most_running_of_job(self) -> int:
        """The most async calls of one job that run here at once."""
        return self.async_max_running_of_job or max(1, self.async_max_running // 2)
