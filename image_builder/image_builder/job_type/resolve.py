"""Finding the job type that a manifest asks for."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from image_builder.build.request import ImageKind
from image_builder.job_type.job_type import JobType


class JobTypes(ABC):
    """The job types that plugins offer now."""

    @abstractmethod
    def resolve(self, wanted: str, kind: ImageKind) -> JobType:
        """Return the job type for `name:version`, where the version may be `latest` or a pattern.

        `latest` is the highest version that can make this kind of image.
        Raises ValidationError, naming those there are, when none fits.
        """

    @abstractmethod
    def list_all(self) -> Sequence[JobType]:
        """Return every job type that works; broken ones are left out."""
