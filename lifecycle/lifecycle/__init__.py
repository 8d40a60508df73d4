"""The registry of jobs: API, authorization, deployments, infrastructure targets."""

__version__ = "3.0.0"
