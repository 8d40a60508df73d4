"""The build hook that copies Swagger UI's files from an installed package into the wrapper, without the web."""

import shutil
from pathlib import Path
from typing import Any

import fastapi_offline
from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = ("swagger-ui-bundle.js", "swagger-ui.css")


class SwaggerUiHook(BuildHookInterface[BuilderConfig]):
    """Copies the files before each build, including editable ones."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        source = Path(fastapi_offline.__file__).parent / "static"
        target = Path(self.root) / "racetrack_job_wrapper/swagger_ui"
        target.mkdir(exist_ok=True)
        for name in FILES:
            shutil.copyfile(source / name, target / name)
