"""The name under which plugins of 2023 import infrastructure targets."""

from lifecycle.infrastructure.model import InfrastructureTarget

__all__ = ["InfrastructureTarget"]
