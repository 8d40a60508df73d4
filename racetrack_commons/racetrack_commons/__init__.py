"""The parts that two or more services of Racetrack share."""

__version__ = "3.0.0"
