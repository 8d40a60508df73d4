"""The name under which plugins of 2023 import infrastructure targets.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from lifecycle.infrastructure.model import InfrastructureTarget

__all__ = ["InfrastructureTarget"]
