"""The racetrack command line, and what plugins share with it."""

__version__ = "3.0.0"
