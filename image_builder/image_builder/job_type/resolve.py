"""The port behind which job types are found."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from image_builder.build_request import ImageKind
from image_builder.job_type.job_type import JobType


class JobTypes(ABC):
    """The job types that plugins offer."""

    @abstractmethod
    def resolve(self, wanted: str, kind: ImageKind) -> JobType:
        """Return the job type for `name:version`, where the version may be `latest` or a pattern.

        Of several versions it is the highest that can make this kind of image.
        Raises ValidationError, naming those there are, when none fits.
        """

    @abstractmethod
    def list_all(self) -> Sequence[JobType]:
        """Return every job type that works now; broken ones are left out."""

    @abstractmethod
    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener after each change of the job types."""
