"""The secrets of a job, as deployers keep them for redeployments.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from lifecycle.domain.secrets import JobSecrets

__all__ = ["JobSecrets"]
