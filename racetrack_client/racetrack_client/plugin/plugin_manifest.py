"""The manifest of a plugin, `plugin-manifest.yaml`.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from pydantic import BaseModel, ConfigDict, Field


class PluginManifest(BaseModel):
    """The name and version of a plugin, and the services that load it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    version: str
    build_date: str | None = None
    url: str | None = None
    priority: int = 0
    category: str | None = None
    components: list[str] = Field(default_factory=list)
    """The services that load the plugin, `lifecycle` or `image-builder`; an empty list means all."""
