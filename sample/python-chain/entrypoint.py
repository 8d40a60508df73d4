"""A job that calls another job."""

from racetrack_job_wrapper.call import call_job


class JobEntrypoint:
    def perform(self, numbers: list[float]) -> float:
        """Add numbers by the job adder, and round the sum."""
        return round(call_job(self, "adder", "/api/v1/perform", {"numbers": numbers}))
