"""What can go wrong between the gateway and a job. The texts are for callers: no addresses."""


class UpstreamError(Exception):
    """The job did not answer."""

    text = "connection broken to a target job"
    is_unsent = False
    """Whether the job can't have seen any of the call, and all of it is still here."""


class ConnectionRefused(UpstreamError):
    """Nobody listens where the job should be."""

    text = "connection refused to a target job"
    is_unsent = True


class ConnectionTimedOut(UpstreamError):
    """The machine of the job does not react."""

    text = "connecting to a target job timed out"
    is_unsent = True


class Misdirected(UpstreamError):
    """Another job answers at the address by now, and refused the call."""

    text = "another job answers where a target job was"

    def __init__(self, *, is_unsent: bool) -> None:
        super().__init__()
        self.is_unsent = is_unsent


class ConnectionBroken(UpstreamError):
    """The connection ended before the answer did."""


class ResponseTimedOut(UpstreamError):
    """The job took too long to begin its answer."""

    text = "request to a job timed out"


class HandshakeRefused(Exception):
    """The job answered, with a plain status instead of a WebSocket."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status
