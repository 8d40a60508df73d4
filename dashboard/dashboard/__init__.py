"""The web pages of the platform."""

__version__ = "3.0.0"
