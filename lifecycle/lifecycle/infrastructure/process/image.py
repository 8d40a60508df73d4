"""Images of process jobs: directories that Image Builder wrote."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lifecycle.deployer.instances import ImageGone


class ProcessImage(BaseModel):
    """What `image.json` says; see docs/architecture.md."""

    model_config = ConfigDict(extra="ignore")

    command: list[str]
    python: str
    workdir: str = "source"
    environment: dict[str, str] = {}


def load_image(images_dir: Path, job_name: str, tag: str) -> tuple[ProcessImage, Path]:
    """Read an image and the directory that its command runs in; ImageGone when it is not there."""
    folder = images_dir / job_name / tag
    try:
        image = ProcessImage.model_validate_json((folder / "image.json").read_text())
    except (OSError, ValidationError) as error:
        raise ImageGone(f"image {tag} of job {job_name} is gone or damaged") from error
    if not Path(image.python).exists():
        raise ImageGone(f"the environment of image {tag} of job {job_name} is gone")
    return image, (folder / image.workdir).resolve()
