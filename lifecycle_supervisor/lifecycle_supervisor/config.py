"""Settings of the Supervisor: those of Lifecycle, whose domain it works on, and its own intervals."""

from lifecycle.config import Config as LifecycleConfig


class Config(LifecycleConfig):
    """Settings of one Supervisor process."""

    http_port: int = 7206
    """Port to listen on."""
    sync_interval_seconds: float = 5
    """Seconds between looks at what infrastructure targets run."""
    reconcile_interval_seconds: float = 600
    """Seconds between attempts to bring lost jobs back."""
    cleaning_interval_seconds: float = 3600
    """Seconds between removals of what nobody needs any more."""
