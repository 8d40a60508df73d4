"""Whether developers watch; plugins ask this."""

from racetrack_commons.settings import read_variable

_TRUTHS = {"true", "t", "yes", "y", "1"}


def debug_mode_enabled() -> bool:
    """Tell whether DEBUG is on."""
    return read_variable("DEBUG").strip().lower() in _TRUTHS


def is_deployment_local() -> bool:
    """Tell whether the platform runs on a developer's machine; older plugins ask this."""
    return read_variable("DEPLOYMENT_TYPE") == "localhost"
