"""The built-in targets: only those that the settings name are imported, because their libraries take memory."""

from importlib import import_module
from typing import Protocol, cast

from racetrack_commons.clock import Clock

from lifecycle.config import BuiltInTarget, Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.model import InfrastructureTarget


class TargetModule(Protocol):
    """The module `lifecycle.infrastructure.<name>.target` of a built-in target."""

    def make_target(
        self, config: Config, unit_of_work: UnitOfWorkFactory, secret_box: SecretBox, clock: Clock
    ) -> InfrastructureTarget:
        """Return the target with its adapters; nothing is connected to yet."""


def load_targets(
    config: Config, unit_of_work: UnitOfWorkFactory, secret_box: SecretBox, clock: Clock
) -> dict[str, InfrastructureTarget]:
    """Import and make the targets that the configuration names; return them by name."""
    return {
        name.value: _load(name).make_target(config, unit_of_work, secret_box, clock)
        for name in config.built_in_targets
    }


def _load(name: BuiltInTarget) -> TargetModule:
    return cast("TargetModule", import_module(f"lifecycle.infrastructure.{name.value}.target"))
