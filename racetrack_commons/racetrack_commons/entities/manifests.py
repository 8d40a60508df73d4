"""The review of a manifest that is not stored yet."""

from pydantic import BaseModel, Field


class ManifestProblem(BaseModel):
    """An error or a warning about a manifest."""

    message: str
    path: str = Field(
        "", description="The key, such as `resources.memory_max`; empty for the whole."
    )
    line: int | None = Field(None, description="Counted from 1; null where no line has the key.")


class ManifestReview(BaseModel):
    """All that is wrong with a manifest, and what is right but without effect or deprecated."""

    errors: list[ManifestProblem]
    warnings: list[ManifestProblem]
