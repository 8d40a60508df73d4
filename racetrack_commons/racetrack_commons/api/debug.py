"""Settings of development that plugins read.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from racetrack_commons.settings import read_variable

_TRUTHS = {"true", "t", "yes", "y", "1"}


def debug_mode_enabled() -> bool:
    """Return whether DEBUG is set to a true value."""
    return read_variable("DEBUG").strip().lower() in _TRUTHS


def is_deployment_local() -> bool:
    """Return whether the platform runs on a developer's machine; older plugins call this."""
    return read_variable("DEPLOYMENT_TYPE") == "localhost"
