"""Name of what runs a job on its infrastructure target."""


def job_resource_name(name: str, version: str) -> str:
    """Return `job-<name>-v-<version>`, dots as dashes."""
    return f"job-{name}-v-{version}".replace(".", "-")
