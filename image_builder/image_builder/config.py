"""Settings of the Image Builder."""

import os
from pathlib import Path

from pydantic import Field, SecretStr
from racetrack_client.entities import ImageKind
from racetrack_commons.deploy.image_places import ImagePlaces
from racetrack_commons.disk_space import DiskSpace
from racetrack_commons.settings import CommaSeparated


class ImageBuilderConfig(ImagePlaces):
    """Settings of one Image Builder process, from the environment and from `CONFIG_FILE`."""

    http_port: int = 7201
    """Port to listen on."""
    auth_key: SecretStr = SecretStr("")
    """Key that signs auth tokens; all services share it."""
    lifecycle_auth_token: SecretStr | None = None
    """Not used, but accepted from older set-ups: Lifecycle reads phases and warnings from the stream of events."""
    lifecycle_url: str = "http://127.0.0.1:7202"
    """Not used, but accepted from older set-ups, like `lifecycle_auth_token`."""

    plugins_dir: Path = Path(".plugins")
    """Directory of the installed plugins; all services share it."""
    bundled_plugins_dir: Path | None = None
    """Directory of plugins that `image_builder build` installs into `plugins_dir` when they are missing."""
    workspaces_dir: Path = Path("data/workspaces")
    """Directory of the files of running builds."""
    build_logs_dir: Path = Path(".build-logs")
    """Directory of the logs of builds."""
    max_build_log_bytes: int = 10 * 1024 * 1024
    """Maximum size of a build's log; later lines are dropped."""
    max_kept_build_logs: int = Field(default=500, ge=1)
    """Number of build logs that are kept; older ones are removed."""
    clean_up_workspaces: bool = True
    """Remove the files of a build when it ends; false keeps them for debugging."""
    verify_manifest_consistency: bool = True
    """Warn when the manifest in the repository differs from the submitted one."""

    image_retention_hours: int = Field(default=24, ge=0)
    """Hours that images and environments stay after Lifecycle needed them last; 0 keeps them for ever."""

    max_concurrent_builds: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """Number of builds that run at once; others wait. The default is the number of CPU cores."""
    max_source_files: int = 10_000
    """Maximum number of files in the source of a job."""
    max_source_bytes: int = 2 * 1024**3
    """Maximum size of the source of a job, unpacked."""
    git_protocols: tuple[str, ...] = ("https",)
    """Protocols that repositories may be cloned with."""
    min_free_disk_bytes: int = Field(default=100 * 1024 * 1024, ge=0)
    """Bytes that stay free on the disk of the builds: with less, no build begins, and clones are stopped."""
    git_timeout_seconds: float = 600
    """Seconds after which a clone is stopped."""
    build_timeout_seconds: float = 3600
    """Seconds after which one program of a build is stopped: an installation of requirements or a build of one image."""
    uv_cache_dir: Path | None = None
    """Directory of downloaded packages; unset: the default of uv, or `.cache` among the environments where builds have users."""
    build_users: bool = True
    """Run the programs of each build as a user of its own, where the service runs as root. False: as the service's user."""
    first_build_user: int = 2_100_060_000
    """First number of the users that builds run as. No user of the machine may be in the range."""
    last_build_user: int = 2_100_069_999
    """Last number of the users that builds run as."""
    index_timeout_seconds: int = 15
    """Seconds to wait for an answer of the package index before the packages are taken from the cache."""

    image_kinds: CommaSeparated[ImageKind] = (ImageKind.PROCESS,)
    """Kinds of images that this builder makes, separated by commas: `process`, `docker`."""
    docker_build_network: str = "default"
    """Network of the RUN steps of a build; `host` lets them reach ports that are only open on the engine's machine."""
    docker_wait_seconds: float = 30
    """Seconds that a build waits for a Docker engine, or a BuildKit, that does not answer."""
    buildkit_address: str = ""
    """BuildKit that builds images in place of a Docker engine and pushes them to `docker_registry`: `unix:///PATH` or `tcp://HOST:PORT`."""
    buildkit_insecure_registry: bool = False
    """Push to a registry that speaks HTTP, or has a certificate of an unknown authority. Only for BuildKit."""
    buildkit_ca_file: Path | None = None
    """File of the certificate authority that has signed the certificate of a BuildKit at `tcp://`."""
    buildkit_certificate_file: Path | None = None
    """File of the certificate that the builder shows to BuildKit."""
    buildkit_key_file: Path | None = None
    """File of that certificate's key."""
    build_cache_retention_hours: int | None = Field(default=None, ge=0)
    """Hours after which unused build cache of any platform on the engine is removed; unset or 0: never."""
    build_cache_prune_interval_m: int = Field(default=60, ge=1)
    """Minutes between two removals of unused build cache."""
    cache_base_images: bool = True
    """Not used, but accepted from older set-ups: base images are always reused."""

    @property
    def disk_space(self) -> DiskSpace:
        """The disks of running builds and of images."""
        return DiskSpace(
            (self.workspaces_dir, self.images_dir, self.environments_dir), self.min_free_disk_bytes
        )
