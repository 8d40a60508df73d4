"""A fake Image Builder."""

from collections.abc import Callable, Iterator, Sequence

from racetrack_commons.entities.dto import BuildEventKind, BuildPayload, BuildResult, JobImage
from racetrack_commons.entities.image_builder_client import BuildEvent, ImageBuilderClient


class FakeImageBuilder(ImageBuilderClient):
    """Ends every build at once, as `result` says; `interrupt` may raise in the middle of one."""

    def __init__(self) -> None:
        self.payloads: list[BuildPayload] = []
        self.log_lines = ["Step 1", "Step 2"]
        self.error: str | None = None
        self.image_names: list[str] | None = None
        """None: a name that no engine knows."""
        self.interrupt: Callable[[], None] = lambda: None
        self.needed: list[JobImage] = []
        """What it was told last that is needed."""

    def is_healthy(self) -> bool:
        """It always is."""
        return True

    def build(self, payload: BuildPayload) -> Iterator[BuildEvent]:
        """Tell a build."""
        self.payloads.append(payload)
        yield BuildEvent(BuildEventKind.PHASE, text="preparing job type builder")
        for line in self.log_lines:
            yield BuildEvent(BuildEventKind.LOG, text=line)
        self.interrupt()
        invented = [f"registry.test/{payload.manifest['name']}:{payload.tag}"]
        result = BuildResult(
            logs="\n".join(self.log_lines),
            error=self.error,
            image_tag=payload.tag,
            image_names=self.image_names or invented,
            job_type_version="python3:3.0.0",
        )
        yield BuildEvent(BuildEventKind.RESULT, result=result)

    def prune(self, needed: Sequence[JobImage]) -> list[str]:
        """Remember what is needed."""
        self.needed = list(needed)
        return []
