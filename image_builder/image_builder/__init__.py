"""Source and job type become an image or an environment."""

__version__ = "3.0.0"
