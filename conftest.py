"""Imports the packages before pytest does, so that a component's folder never shadows its package."""

import racetrack_job_wrapper

import image_builder
import lifecycle
import lifecycle_supervisor
import pub
import racetrack_client
import racetrack_commons

__all__ = [
    "image_builder",
    "lifecycle",
    "lifecycle_supervisor",
    "pub",
    "racetrack_client",
    "racetrack_commons",
    "racetrack_job_wrapper",
]
