"""Images of process jobs: directories that Image Builder wrote."""

from pathlib import Path

from racetrack_client.entities import ProcessImage

from lifecycle.deployer.instances import ImageGone


def load_image(images_dir: Path, job_name: str, tag: str) -> tuple[ProcessImage, Path]:
    """Read an image and the directory that its command runs in; ImageGone when it is not there."""
    folder = images_dir / job_name / tag
    try:
        image = ProcessImage.load(folder)
    except (OSError, ValueError) as error:
        raise ImageGone(f"image {tag} of job {job_name} is gone or damaged") from error
    if not Path(image.python).exists():
        raise ImageGone(f"the environment of image {tag} of job {job_name} is gone")
    return image, (folder / image.workdir).resolve()
