"""The former module of the entry point; installers and scripts name it."""

from racetrack_client.__main__ import main

__all__ = ["main"]
