"""Settings of the Image Builder."""

import os
from pathlib import Path

from pydantic import Field, SecretStr
from racetrack_commons.settings import CommaSeparated, Settings

from image_builder.build_request import ImageKind


class ImageBuilderConfig(Settings):
    """Settings of one Image Builder process, from the environment and from `CONFIG_FILE`."""

    http_addr: str = "0.0.0.0"  # noqa: S104 - a service in a container listens on all its addresses
    """Address to listen on."""
    http_port: int = 7201
    """Port to listen on."""
    auth_key: SecretStr = SecretStr("")
    """Key that signs auth tokens; all services share it."""
    lifecycle_auth_token: SecretStr | None = None
    """Not used: Lifecycle reads phases and warnings from the stream that it asks for. Accepted from older set-ups."""
    lifecycle_url: str = "http://127.0.0.1:7202"
    """Not used, as `lifecycle_auth_token`."""

    plugins_dir: Path = Path(".plugins")
    """Where plugins are installed; services share it."""
    bundled_plugins_dir: Path | None = None
    """Plugins that `image_builder build` uses when `plugins_dir` holds none."""
    images_dir: Path = Path("data/images")
    """EngineImages of process jobs."""
    environments_dir: Path = Path("data/environments")
    """Virtual environments of process jobs."""
    workspaces_dir: Path = Path("data/workspaces")
    """Where builds work."""
    build_logs_dir: Path = Path(".build-logs")
    """Logs of builds."""
    max_build_log_bytes: int = 10 * 1024 * 1024
    """Size of a build's log at most; what comes later is dropped."""
    max_kept_build_logs: int = Field(default=500, ge=1)
    """So many logs, of the newest builds, are kept."""
    clean_up_workspaces: bool = True
    """Remove the files of a build when it ends; false keeps them for whoever looks for a fault."""
    verify_manifest_consistency: bool = True
    """Warn when the manifest in the repository is not the one that was submitted."""

    image_retention_hours: int = Field(default=24, ge=0)
    """Hours that images and environments stay after Lifecycle needed them last; 0: for ever."""

    max_concurrent_builds: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """How many builds run at once; others wait. By default the number of CPU cores."""
    max_source_files: int = 10_000
    """How many files the source of a job may hold."""
    max_source_bytes: int = 2 * 1024**3
    """Size of the source of a job at most, unpacked."""
    git_protocols: tuple[str, ...] = ("https",)
    """Protocols that sources may be cloned by."""
    git_timeout_seconds: float = 600
    """Seconds that a clone may take."""
    build_timeout_seconds: float = 3600
    """Seconds that one program of a build may take: an installation of requirements, a build of one image."""
    uv_cache_dir: Path | None = None
    """Cache of downloaded packages; unset: where uv keeps it by default."""
    index_timeout_seconds: int = 15
    """Seconds to wait for an answer of the package index; then the packages come from the cache."""

    image_kinds: CommaSeparated[ImageKind] = (ImageKind.PROCESS,)
    """What this builder makes, separated by commas: `process`, `docker`."""
    docker_registry: str = ""
    """Registry that job images are pushed to; empty: they stay on the Docker engine that made them."""
    docker_registry_namespace: str = "racetrack"
    """Namespace of job images in the registry."""
    platform_name: str = "racetrack"
    """Tells our images and containers from those of another platform on the same Docker engine."""
    docker_build_network: str = "default"
    """Network of the RUN steps of a build; `host` lets them reach what listens on the engine's machine only."""
    docker_wait_seconds: float = 30
    """Seconds that a build waits for a Docker engine that does not answer."""
    build_cache_retention_hours: int | None = Field(default=None, ge=0)
    """Hours after which build cache that nobody used, of whichever platform on the engine, is removed; unset or 0: never."""
    build_cache_prune_interval_m: int = Field(default=60, ge=1)
    """Minutes between looks for unused build cache."""
    cache_base_images: bool = True
    """Use base images again; accepted from older set-ups."""
