"""The labels by which Racetrack knows what is its own on a Docker engine."""

from enum import StrEnum


class DockerLabel(StrEnum):
    """Labels of images, containers and networks; Racetrack identifies its own by these labels, never by names."""

    COMPONENT = "racetrack-component"
    """A `DockerComponent`."""
    PLATFORM = "racetrack-platform"
    JOB_NAME = "job-name"
    JOB_VERSION = "job-version"
    CONTENT_DIGEST = "racetrack-content-digest"
    """The digest of everything that affects the content of an image."""
    REFRESHED_BY = "racetrack-refreshed-by"
    """The deployment that had the image built without the cache."""
    INSTANCE = "racetrack-instance"
    REPLICA = "racetrack-replica"
    CONTAINER = "racetrack-container"
    SIZE = "racetrack-instance-size"
    ADDRESS = "racetrack-address"
    PACKAGES = "racetrack-packages"
    """The path of a JSON file in an image: `{"made_at": <UNIX seconds>, "resolved": {<package>: <version>}}`."""


class DockerComponent(StrEnum):
    """Values of the label `COMPONENT`."""

    JOB = "job"
    JOBTYPE = "jobtype"
    """Images that hold the files of a job type, or the base of its images."""
