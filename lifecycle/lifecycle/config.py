"""Settings of Lifecycle and of its supervisor.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints
from racetrack_client.entities import AuthScope
from racetrack_client.manifest.rules import NODE_LABEL, TAINT
from racetrack_client.utils.quantity import Quantity
from racetrack_commons.deploy.image_places import ImagePlaces
from racetrack_commons.disk_space import DiskSpace
from racetrack_commons.settings import CommaSeparated

from lifecycle.domain.calls import CallerRecording

_DNS_LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
NodeLabel = Annotated[str, StringConstraints(pattern=rf"^{NODE_LABEL.pattern}$")]
"""A label of a node, `name=value`."""
Taint = Annotated[str, StringConstraints(pattern=rf"^{TAINT.pattern}$")]
"""A taint of a node, `key:effect` or `key=value:effect`."""


class BuiltInTarget(StrEnum):
    """Infrastructure targets that need no plugin; each has the folder of its name in `infrastructure/`."""

    PROCESS = "process"
    DOCKER = "docker"
    KUBERNETES = "kubernetes"


class Config(ImagePlaces):
    """Settings of one Lifecycle process, from the environment and from `CONFIG_FILE`."""

    http_port: int = 7202
    """Port that the service listens on."""
    http_worker_thread_pool: int | None = 60
    """Number of requests that are worked on at the same time; further ones wait. Unset: the web framework's default."""

    auth_key: SecretStr = SecretStr("")
    """Key that signs auth tokens; all services must have the same one."""
    secret_key: SecretStr = SecretStr("")
    """Key that encrypts the secrets of jobs; Lifecycle and the Supervisor must have the same one."""
    admin_password: SecretStr | None = None
    """Password of the first user, `admin`. Unset: one is generated, for the terminal or `first_password_file`."""
    first_password_file: Path = Path("data/first-password")
    """File that gets a generated password of the first user, for the service's own user, when no terminal can show it."""
    auth_required: bool = True
    """Require a token with each request. False: every caller is an administrator."""
    auth_debug: bool = False
    """Tell callers of jobs the reason when they are denied."""
    allow_anonymous_log_following: bool = False
    """Let `racetrack logs --follow` of clients before 3.0, which sends no token, read logs; then everyone may."""
    registered_user_scopes: CommaSeparated[AuthScope] = (
        AuthScope.READ_JOB,
        AuthScope.CALL_JOB,
        AuthScope.DEPLOY_NEW_FAMILY,
    )
    """Scopes, on everything, of users who register themselves. The maker of a job family may also deploy all its versions."""
    login_attempts_per_account: int = Field(default=10, ge=1)
    """Number of log-ins as one user that may fail from one address within `login_attempts_minutes`; further ones are refused."""
    login_attempts_per_address: int = Field(default=100, ge=1)
    """Number of log-ins as any user that may fail from one address in that time; further ones are refused."""
    login_attempts_minutes: float = Field(default=15, gt=0)
    """Minutes that a failed log-in, or a registration, counts."""
    allow_registration: bool = True
    """Let visitors register; staff activates their accounts. False: staff adds all users."""
    registrations_per_address: int = Field(default=20, ge=1)
    """Number of registrations from one address within `login_attempts_minutes`; further ones are refused."""
    unused_account_days: int = Field(default=90, ge=0)
    """Days after which accounts are forgotten that are not active and never logged in. 0: never."""
    trusted_proxies: CommaSeparated[IPv4Network | IPv6Network] = (
        IPv4Network("127.0.0.0/8"),
        IPv6Network("::1"),
    )
    """Addresses or networks of proxies, such as a dashboard, whose header `X-Forwarded-For` is believed."""
    forwarding_key: SecretStr | None = None
    """Secret by which a dashboard at any address shows that its `X-Forwarded-For` can be believed; it gives no right."""
    enforce_secure_cookie: bool = False
    """Make browsers send cookies over HTTPS only, even if no external URL begins with `https`."""
    browser_session_hours: float = Field(12, gt=0)
    """Hours until a person who logged in with a browser has to log in again."""

    image_builder_url: str = "http://127.0.0.1:7201"
    """Address of the Image Builder."""
    internal_pub_url: str = "http://pub:7205/pub"
    """Address at which jobs reach PUB."""
    external_pub_url: str = "http://127.0.0.1:7205/pub"
    """Address at which callers of jobs reach PUB."""
    external_lifecycle_url: str | None = None
    """Address at which clients reach Lifecycle. Unset: the address that a request was sent to."""
    external_dashboard_url: str = "http://127.0.0.1:7203/dashboard"
    """Address at which people reach the dashboard; empty without one."""
    external_grafana_url: str = "http://127.0.0.1:3000"
    """Address at which people reach Grafana."""
    cluster_fqdn: str | None = None
    """Domain of the cluster, from which external URLs and the domain of the auth cookie are made."""
    racetrack_subdomain: str = "racetrack"
    """Subdomain of Racetrack, put before `cluster_fqdn` in external URLs."""

    plugins_dir: Path = Path(".plugins")
    """Directory that plugins are installed in; all services share it."""
    bundled_plugins_dir: Path | None = None
    """Directory of plugins that a fresh platform installs by itself. Unset: it installs none."""
    job_logs_dir: Path = Path("data/logs/jobs")
    """Directory of the logs of process jobs."""
    job_log_retention_days: int = Field(7, ge=0)
    """Days that the log of a process job is kept after its process has ended for good; then it is removed. 0: for ever."""

    built_in_targets: CommaSeparated[BuiltInTarget] = (BuiltInTarget.PROCESS,)
    """Built-in infrastructure targets that the platform offers, beside those of plugins."""
    infrastructure_target: str | None = None
    """Target of jobs whose manifest names none. Unset: such jobs are refused when there are several targets."""
    job_host: str = "127.0.0.1"
    """Address that process jobs listen on."""
    first_job_port: int = 7000
    """First port of this machine that jobs may listen on."""
    last_job_port: int = 7999
    """Last port of this machine that jobs may listen on. Deployments fail when no port of the range is free."""
    job_users: bool = True
    """Run each job family's processes as a user of its own, where the platform runs as root. False: as the platform's user."""
    first_job_user: int = 2_100_000_000
    """First number of the users that process jobs run as. No user of the machine may be in the range."""
    last_job_user: int = 2_100_059_999
    """Last number of the users that process jobs run as. Platforms on one machine need ranges of their own."""
    job_homes_dir: Path = Path("data/homes")
    """Directory of the home directories of process jobs that run as users of their own."""
    job_sandbox: bool = False
    """Hold process jobs to their own files and ports by Landlock, whichever user they run as. It takes Linux 6.12.

    The log names the gaps that an older kernel leaves.
    """
    job_sandbox_paths: CommaSeparated[Path] = ()
    """Further files and directories that jobs in a sandbox read, such as `/data/models`."""
    job_cgroups: bool = True
    """Hold process jobs to their limits by cgroups where Linux allows some. False: their memory is measured.

    Without /proc, as on macOS, their memory is not limited.
    """
    max_job_threads: int = Field(8192, ge=0)
    """Processes and threads that each replica of a process job may have at once, where it has a cgroup. 0: no limit."""
    docker_host: str = "unix:///var/run/docker.sock"
    """Address of the Docker engine."""
    docker_network: str = "racetrack_default"
    """Docker network of job containers, created if missing. Lifecycle and PUB must be in it to reach them."""
    docker_publish_host: str | None = None
    """Address of the machine at which job containers publish a port, for services outside their network. Unset: no port."""
    docker_pub_url: str | None = None
    """Address at which jobs in containers reach PUB. Unset: `internal_pub_url`."""
    docker_wait_seconds: float = 30
    """Seconds that the start of a job waits for a Docker engine that does not answer; then the deployment fails."""
    job_k8s_namespace: str = Field("racetrack", pattern=_DNS_LABEL)
    """Namespace of the cluster in which the target `kubernetes` runs jobs; it must exist."""
    kubernetes_config: Path | None = None
    """Kubeconfig file of the cluster. Unset: that of `KUBECONFIG`, else `~/.kube/config`, else the pod's service account."""
    kubernetes_cluster_ips: bool = False
    """Reach jobs at the IP addresses of their Services, from machines that can't look names of the cluster up."""
    kubernetes_image_pull_secrets: CommaSeparated[str] = ()
    """Secrets in the namespace of jobs with which the cluster pulls their images."""
    kubernetes_priority_class: str | None = None
    """Priority class of the pods of jobs. Unset: the cluster's default."""
    kubernetes_node_selector: CommaSeparated[NodeLabel] = ()
    """Labels `name=value` that a node must have to run jobs."""
    kubernetes_tolerations: CommaSeparated[Taint] = ()
    """Taints `key:effect` or `key=value:effect` of nodes on which jobs may run all the same."""
    kubernetes_permitted_tolerations: CommaSeparated[Taint] = ()
    """Taints that manifests may name in `resources.tolerations`, so that their jobs run on nodes that are closed to the rest."""
    kubernetes_gpu_resource: str = Field("nvidia.com/gpu", pattern=r"^[\w.-]+/[\w.-]+$")
    """Name by which the nodes offer the GPUs of `resources.gpu`, such as `amd.com/gpu`."""
    kubernetes_job_user: int = Field(100_000, ge=1)
    """Number of the user and group that jobs run as in the cluster, never 0."""
    kubernetes_read_only_root: bool = False
    """Give the containers of jobs a read-only file system, with a writable `/tmp`; jobs must not write beside their code then."""
    kubernetes_patience_seconds: float = Field(120, ge=0)
    """Seconds that a deployment waits for a node with room, or for quota; then it fails with the cluster's words."""
    max_job_memory_limit: Quantity = Quantity("8Gi")
    """Memory in bytes that a job may have at most; a deployment that asks for more fails."""
    default_job_memory_min: Quantity = Quantity("256Mi")
    """Memory in bytes that is reserved for a job whose manifest names no `memory_min`."""
    default_job_memory_max: Quantity = Quantity("1Gi")
    """Memory in bytes that a job may use whose manifest names no `memory_max`; a job can't use more."""
    default_job_cpu_min: Quantity = Quantity("10m")
    """CPU cores that are reserved for a job whose manifest names no `cpu_min`."""
    default_job_cpu_max: Quantity = Quantity("1000m")
    """CPU cores that a container may use whose manifest names no `cpu_max`; process jobs are then not limited."""

    allow_job_overwrite: bool = False
    """Let a deployment replace a job of the same version without `--force`. False: it is refused."""
    deployment_workers: int = 4
    """Number of deployments that the service works on at the same time; further ones wait."""
    lease_seconds: float = 15
    """Seconds that a deployment stays with a worker that has stopped reporting; then another worker resumes it."""
    drain_seconds: float = 10
    """Seconds that a replaced instance of a job goes on taking calls of gateways; then it is asked to end with its last call."""
    restorable_deployments: int = Field(5, ge=0)
    """Number of earlier deployments of a job that can be restored. Secrets, source and image of older ones are removed."""
    deployment_retention_days: int = Field(90, ge=0)
    """Days that a deployment and its build log are kept if no job runs from it and no rollback needs it. 0: for ever."""
    max_kept_deployments: int = Field(200, ge=0)
    """Number of the newest deployments of a job that are kept; older ones are removed at any age. 0: all are kept."""
    record_callers: CallerRecording = CallerRecording.NAMES
    """Calls of jobs to count, for `racetrack calls`: `names` for each caller, `count` without the callers, `off` none.

    With `names`, all who may read a job see the names of its callers.
    """
    call_retention_days: int = Field(90, ge=0)
    """Days that counts of calls, with the names of callers, are kept. 0: for ever."""
    audit_retention_days: int = Field(0, ge=0)
    """Days that audit events are kept; then they are removed. 0: for ever."""
    timeout_until_job_alive: int = 900
    """Seconds in which a starting job must answer at `/live`; then its deployment fails."""
    timeout_until_job_ready: int = 600
    """Seconds in which a live job must answer at `/ready`; then its deployment fails."""
    smoke_test_timeout_seconds: float = 30
    """Seconds that a new instance may take to answer its documented example; then its deployment fails."""
    max_bundle_bytes: int = 512 * 1024 * 1024
    """Bytes that a packed source directory may have; a deployment of more is refused."""
    reconciliation_loop: bool = False
    """Let the Supervisor provision lost jobs again. False: they stay lost until a user acts."""
    min_free_disk_bytes: int = Field(100 * 1024 * 1024, ge=0)
    """Bytes that stay free on the disk of the data: with less, deployments and async calls are refused, and `/ready` says so."""
    max_open_deployments: int = Field(100, ge=1)
    """Deployments of one user that may wait or run at the same time; further ones are refused. Their sources count as well."""
    async_max_calls: int = Field(20_000, ge=1)
    """Async calls that are kept at once; further ones are refused. One job may have half of them, one caller a quarter."""
    async_max_bytes: int = Field(4 * 1024**3, ge=1)
    """Bytes of the bodies and answers of all async calls that are kept, shared in the same way."""
    async_job_call_lifetime: int = 14400
    """Seconds that an async call and its result are kept after its start; then they are removed."""
    job_watcher_interval: float = 3
    """Has no effect; configurations of 2.x may hold it. Dashboards learn of changes at once."""

    db_type: Literal["postgres", "sqlite"] = "postgres"
    """Kind of the database that the platform uses."""
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
    """Name of the PostgreSQL database; `{CLUSTER_NAME}` in it is replaced by the name of the cluster."""
    postgres_schema: str | None = None
    """Schema of the tables; `{CLUSTER_NAME}` in it is replaced. Unset: the user's default schema."""
    postgres_sslmode: str | None = None
    """Encryption of the connection to PostgreSQL: `require`, `verify-full`, …"""
    postgres_sslrootcert: str | None = None
    """File of the certificate authority that has signed the database's certificate."""
    migrate_on_start: bool = True
    """Migrate the tables to the service's version when it starts."""
    database_status_refresh_interval: float = 60
    """Seconds between two checks whether the database answers. 0: it is not checked."""
    database_connection_pool: int = 20
    """Connections that the service opens to PostgreSQL; a request that gets none within 5 seconds fails."""
    database_log_queries: bool = False
    """Log each query to the database."""

    open_telemetry_enabled: bool = False
    """Tell jobs to send traces to `open_telemetry_endpoint`; plugins read this setting too."""
    open_telemetry_endpoint: str = "console"
    """Address that traces are sent to; jobs find it in their variable `OPENTELEMETRY_ENDPOINT`."""

    @property
    def disk_space(self) -> DiskSpace:
        """The disks of the database and of the logs of jobs."""
        directories = [self.db_path.parent] if self.db_type == "sqlite" else []
        if BuiltInTarget.PROCESS in self.built_in_targets:
            directories.append(self.job_logs_dir)
        return DiskSpace(directories, self.min_free_disk_bytes)

    @property
    def cluster_name(self) -> str:
        """The first label of the cluster's domain that is not the subdomain of Racetrack."""
        labels = (self.cluster_fqdn or "").split(".")
        if labels[0] == self.racetrack_subdomain and len(labels) > 1:
            return labels[1]
        return labels[0]
