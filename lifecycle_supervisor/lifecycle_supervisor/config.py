"""Settings of the Supervisor: those of Lifecycle, because both work on the same data, and its own intervals."""

from lifecycle.config import Config as LifecycleConfig


class SupervisorConfig(LifecycleConfig):
    """Settings of one Supervisor process."""

    http_port: int = 7206
    """The port to listen on."""
    sync_interval_seconds: float = 5
    """Seconds between two comparisons of the registry with the infrastructure targets."""
    reconcile_interval_seconds: float = 600
    """Seconds between two attempts to provision lost jobs again."""
    cleaning_interval_seconds: float = 3600
    """Seconds between two removals of old rows and unneeded images."""
