from pathlib import Path

from pydantic import BaseModel


class PluginConfig(BaseModel):
    directory: Path | None = None
