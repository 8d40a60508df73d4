"""The built-in targets: only those that the settings name are imported, for their libraries take memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from racetrack_commons.clock import Clock

from lifecycle.config import BuiltInTarget, Config
from lifecycle.database.encryption import SecretBox
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.infrastructure.model import InfrastructureTarget


@dataclass(frozen=True)
class TargetNeeds:
    """What a target is made with."""

    config: Config
    unit_of_work: UnitOfWorkFactory
    secret_box: SecretBox
    clock: Clock


class TargetModule(Protocol):
    """What `lifecycle.infrastructure.<name>.target` offers."""

    def make_target(self, needs: TargetNeeds) -> InfrastructureTarget:
        """Put the adapters of the target together; nothing is connected to yet."""


def load_targets(
    names: Iterable[BuiltInTarget], needs: TargetNeeds
) -> dict[str, InfrastructureTarget]:
    """Import and make the targets of these names."""
    return {name.value: _load(name).make_target(needs) for name in names}


def _load(name: BuiltInTarget) -> TargetModule:
    return cast("TargetModule", import_module(f"lifecycle.infrastructure.{name.value}.target"))
