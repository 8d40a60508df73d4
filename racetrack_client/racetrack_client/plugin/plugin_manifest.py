"""The manifest of a plugin, `plugin-manifest.yaml`."""

from pydantic import BaseModel, ConfigDict, Field


class PluginManifest(BaseModel):
    """What a plugin is called and where it takes part."""

    model_config = ConfigDict(extra="forbid")

    name: str
    version: str
    build_date: str | None = None
    url: str | None = None
    priority: int = 0
    category: str | None = None
    components: list[str] = Field(default_factory=list)
    """`lifecycle`, `image-builder`; empty: all."""
