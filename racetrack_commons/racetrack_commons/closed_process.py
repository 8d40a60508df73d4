"""Closing a service to the other processes of its machine, those of its own user included."""

import ctypes
import sys

from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)
_SET_DUMPABLE = 4
"""PR_SET_DUMPABLE of Linux's prctl(2)."""


def close_process() -> None:
    """Keep other processes without privileges from reading this one's variables and memory; called first thing.

    Only Linux can do that. Programs that the service starts are open again.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        logger.warning("other processes of this user can read the memory of the service")
