"""Settings of Lifecycle and of its supervisor.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from racetrack_client.utils.quantity import Quantity
from racetrack_commons.settings import CommaSeparated, Settings


class BuiltInTarget(StrEnum):
    """Infrastructure targets that need no plugin; each is the folder of its name under `infrastructure/`."""

    PROCESS = "process"
    DOCKER = "docker"


class Config(Settings):
    """Settings of one Lifecycle process, from the environment and from `CONFIG_FILE`."""

    http_addr: str = "0.0.0.0"  # noqa: S104 - a service in a container listens on all its addresses
    """Address to listen on."""
    http_port: int = 7202
    """Port to listen on."""
    http_worker_thread_pool: int | None = 60
    """How many requests may be worked on at once."""

    auth_key: SecretStr = SecretStr("")
    """Key that signs auth tokens; all services share it."""
    secret_key: SecretStr = SecretStr("")
    """Key that the secrets of jobs are encrypted with."""
    admin_password: SecretStr | None = None
    """Password of the first user, admin; without it one is generated and printed once."""
    auth_required: bool = True
    """Demand tokens; false makes everybody the anonymous administrator."""
    auth_debug: bool = False
    """Tell denied callers of jobs why."""
    allow_anonymous_log_following: bool = True
    """Let `racetrack logs --follow` of clients before 3.0, which shows no token, read logs."""
    login_attempts_per_account: int = Field(default=10, ge=1)
    """How often log-in as one user may fail from one address within `login_attempts_minutes`."""
    login_attempts_per_address: int = Field(default=100, ge=1)
    """How often log-in may fail from one address, as anybody."""
    login_attempts_minutes: float = Field(default=15, gt=0)
    """How long a failed log-in counts."""
    trusted_proxies: CommaSeparated[IPv4Network | IPv6Network] = (
        IPv4Network("127.0.0.0/8"),
        IPv6Network("::1"),
    )
    """Addresses or networks whose `X-Forwarded-For` is believed; a dashboard passes log-ins on."""
    enforce_secure_cookie: bool = False
    """Give browsers the auth cookie for HTTPS only."""

    image_builder_url: str = "http://127.0.0.1:7201"
    """Where Image Builder answers."""
    internal_pub_url: str = "http://pub:7205/pub"
    """Where jobs reach PUB."""
    external_pub_url: str = "http://127.0.0.1:7205/pub"
    """Where callers of jobs reach PUB."""
    external_lifecycle_url: str | None = None
    """Where clients reach Lifecycle; unset: where a request reached it."""
    external_grafana_url: str = "http://127.0.0.1:3000"
    """Where people reach Grafana."""
    cluster_fqdn: str | None = None
    """Domain of the cluster; external URLs and the domain of the auth cookie come from it."""
    racetrack_subdomain: str = "racetrack"
    """Put before `cluster_fqdn` in external URLs."""
    docker_registry: str = ""
    """Registry that job images are pulled from; empty: they are on the Docker engine that made them."""
    docker_registry_namespace: str = "racetrack"
    """Namespace of job images in the registry."""

    plugins_dir: Path = Path(".plugins")
    """Where plugins are installed; services share it."""
    bundled_plugins_dir: Path | None = None
    """Plugins that a fresh platform installs by itself."""
    images_dir: Path = Path("data/images")
    """Images of process jobs."""
    environments_dir: Path = Path("data/environments")
    """Virtual environments of process jobs."""
    job_logs_dir: Path = Path("data/logs/jobs")
    """Logs of process jobs."""
    job_log_retention_days: int = Field(7, ge=0)
    """Days that the log of a process job is kept after the process has ended for good; 0: for ever."""

    built_in_targets: CommaSeparated[BuiltInTarget] = (BuiltInTarget.PROCESS,)
    """Built-in infrastructure targets to offer, separated by commas; those of plugins come on top."""
    infrastructure_target: str | None = None
    """Target of jobs whose manifest names none; needed when there are several."""
    job_host: str = "127.0.0.1"
    """Address that process jobs listen on."""
    first_job_port: int = 7000
    """First port that jobs may listen on at this machine."""
    last_job_port: int = 7999
    """Last port that jobs may listen on at this machine; ports of other programs are left out."""
    platform_name: str = "racetrack"
    """Tells our images and containers from those of another platform on the same Docker engine."""
    docker_host: str = "unix:///var/run/docker.sock"
    """Where the Docker engine answers."""
    docker_network: str = "racetrack_default"
    """Network of job containers, made when it is missing; Lifecycle and PUB have to be on it to reach them."""
    docker_publish_host: str | None = None
    """Address at which containers publish a port of those for jobs, for a Lifecycle outside of their network."""
    docker_pub_url: str | None = None
    """Where jobs in containers reach PUB; unset: `internal_pub_url`."""
    docker_wait_seconds: float = 30
    """Seconds that the start of a job waits for a Docker engine that does not answer."""
    max_job_memory_limit: Quantity = Quantity("8Gi")
    """Memory that a job may ask for at most."""
    default_job_memory_min: Quantity = Quantity("256Mi")
    """Memory that a job is given when it asks for none."""
    default_job_memory_max: Quantity = Quantity("1Gi")
    """Memory that a job may use when it asks for none."""
    default_job_cpu_min: Quantity = Quantity("10m")
    """CPU cores that a job is given when it asks for none."""
    default_job_cpu_max: Quantity = Quantity("1000m")
    """CPU cores that a job may use when it asks for none."""

    allow_job_overwrite: bool = False
    """Let deployments replace a job of the same version without `--force`."""
    deployment_workers: int = 4
    """How many deployments this process carries on at once."""
    lease_seconds: float = 15
    """How long a worker that went silent keeps its deployment; then another one resumes it."""
    drain_seconds: float = 10
    """How long a replaced instance of a job lives on to answer the calls it has."""
    restorable_deployments: int = Field(5, ge=0)
    """How many deployments of a job can be rolled back to, rollbacks not counted; of older ones secrets, source and image go."""
    deployment_retention_days: int = Field(90, ge=0)
    """Days that deployments and build logs are kept which no job runs from and none can be rolled back to; 0: for ever."""
    max_kept_deployments: int = Field(200, ge=0)
    """So many deployments of a job, the newest, are kept at most, however young they are; 0: all."""
    audit_retention_days: int = Field(0, ge=0)
    """Days that audit events are kept; 0: for ever."""
    timeout_until_job_alive: int = 900
    """Seconds until a starting job must answer at `/live`; then its deployment fails."""
    timeout_until_job_ready: int = 600
    """Seconds until a live job must answer at `/ready`; then its deployment fails."""
    smoke_test_timeout_seconds: float = 30
    """Seconds that a new instance may take to answer its documented example."""
    max_bundle_bytes: int = 512 * 1024 * 1024
    """Size of a packed source directory at most."""
    reconciliation_loop: bool = False
    """Let the supervisor provision lost jobs again."""
    async_job_call_lifetime: int = 14400
    """Seconds that async calls are kept."""
    job_watcher_interval: float = 3
    """Accepted for configurations of 2.x; changes of jobs are told to dashboards at once."""

    db_type: Literal["postgres", "sqlite"] = "postgres"
    """Kind of the database."""
    db_path: Path = Path("data/racetrack.sqlite3")
    """File of the SQLite database."""
    postgres_host: str = "127.0.0.1"
    """Host of the PostgreSQL database."""
    postgres_port: int = 5432
    """Port of the PostgreSQL database."""
    postgres_user: str = "racetrack"
    """User of the PostgreSQL database."""
    postgres_password: SecretStr | None = None
    """Password of the PostgreSQL database."""
    postgres_db: str = "racetrack"
    """Name of the PostgreSQL database; may contain `{CLUSTER_NAME}`."""
    postgres_schema: str | None = None
    """Schema of the tables; may contain `{CLUSTER_NAME}`."""
    postgres_sslmode: str | None = None
    """How to encrypt the connection: `require`, `verify-full`, …"""
    postgres_sslrootcert: str | None = None
    """File of the certificate authority that signed the database's certificate."""
    migrate_on_start: bool = True
    """Bring the tables up to date before serving."""
    database_status_refresh_interval: float = 60
    """Seconds between probes of the database; 0: never."""
    database_connection_pool: int = 20
    """Connections to the database at most."""
    database_log_queries: bool = False
    """Log each query."""

    open_telemetry_enabled: bool = False
    """Passed to plugins."""
    open_telemetry_endpoint: str = "console"
    """Passed to plugins."""

    @property
    def cluster_name(self) -> str:
        """First label of the cluster's domain that is not the subdomain of Racetrack."""
        labels = (self.cluster_fqdn or "").split(".")
        if labels[0] == self.racetrack_subdomain and len(labels) > 1:
            return labels[1]
        return labels[0]
