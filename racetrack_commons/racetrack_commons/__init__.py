"""What two Racetrack services need."""

__version__ = "3.0.0"
