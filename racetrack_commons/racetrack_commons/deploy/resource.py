"""The name of a job's resources on its infrastructure target.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from racetrack_client.entities import job_resource_name

__all__ = ["job_resource_name"]
