"""Settings of the dashboard."""

from pydantic import Field, SecretStr
from racetrack_commons.settings import Settings


class DashboardConfig(Settings):
    """Settings of the dashboard."""

    dashboard_port: int = 7203
    """The port to listen on."""
    lifecycle_url: str = "http://127.0.0.1:7202/lifecycle"
    """The URL of Lifecycle, as the dashboard reaches it."""
    internal_pub_url: str = "http://127.0.0.1:7205/pub"
    """The URL of PUB, as the dashboard reaches it."""
    forwarding_key: SecretStr | None = None
    """The same secret as Lifecycle's: log-ins that fail here count for the visitor's address, not for the dashboard's."""
    lifecycle_timeout_seconds: float = Field(default=30, gt=0)
    """Seconds that Lifecycle may take to answer."""
    external_lifecycle_url: str | None = None
    """The URL of Lifecycle that people are shown; without one, LIFECYCLE_URL."""
    external_pub_url: str | None = None
    """The URL of PUB that people are shown, and that links to jobs begin with; without one, INTERNAL_PUB_URL."""
    external_grafana_url: str | None = None
    """The URL of Grafana; without one, there is no link to it."""
    cluster_fqdn: str | None = None
    """The domain of the cluster, which the three addresses above are made of if they are not given."""
    racetrack_subdomain: str = "racetrack"
    """The subdomain of CLUSTER_FQDN at which the platform is."""
    site_name: str = ""
    """The name of this installation, beside the title; `test`, `preprod` and `prod` have a colour of their own."""
    docs_dir: str | None = None
    """The folder with the documentation's Markdown files; without one, that of the source."""
    websocket_max_message_bytes: int = Field(default=16 * 1024**2, ge=1)
    """The largest message of a WebSocket; a larger one closes the connection with code 1009."""
    shutdown_grace_seconds: int = Field(default=3, ge=0)
    """Seconds that running requests may take after the dashboard was told to stop."""

    def get_lifecycle_url(self) -> str:
        """Return the URL of Lifecycle that people are shown."""
        return self.external_lifecycle_url or self._at_cluster("lifecycle") or self.lifecycle_url

    def get_pub_url(self) -> str:
        """Return the URL of PUB that people are shown."""
        return self.external_pub_url or self._at_cluster("pub") or self.internal_pub_url

    def find_grafana_url(self) -> str | None:
        """Return the URL of Grafana, or None without one."""
        return self.external_grafana_url or self._at_cluster("grafana")

    def _at_cluster(self, service: str) -> str | None:
        if not self.cluster_fqdn:
            return None
        return f"https://{self.racetrack_subdomain}.{self.cluster_fqdn}/{service}"
