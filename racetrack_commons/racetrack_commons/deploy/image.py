"""Names of container images.

Plugins import this module: its names are frozen (docs/plugins.md).
"""


def get_job_image(registry: str, namespace: str, name: str, tag: str, index: int = 0) -> str:
    """Return the name of a job's image; the images of its further containers have an index from 1 up."""
    kind = "job-entrypoint" if index == 0 else f"job-{index}"
    return "/".join(part for part in (registry, namespace, kind, f"{name}:{tag}") if part)
