"""The callers that a job serves: those who mean this job, and know the secret that the platform shares with its instance.

The instance in turn proves that it knows the secret. Without a secret, as outside a platform, every caller is served.
"""

import hashlib
import hmac

from racetrack_job_wrapper.asgi import RawHeaders, Scope
from racetrack_job_wrapper.environment import JobEnvironment
from racetrack_job_wrapper.request import Headers
from racetrack_job_wrapper.responses import Response, json_response

JOB_HEADER = "X-Racetrack-Job"
"""The header in which the gateway names the called job, `<name> <version>`; a refusal names this job in it."""
SECRET_HEADER = "x-racetrack-instance-secret"  # noqa: S105 - the name of the header
CHALLENGE_HEADER = "x-racetrack-challenge"
PROOF_HEADER = "x-racetrack-proof"
OPEN_PATHS = ("/live", "/ready", "/health", "/metrics")
"""The paths that probes and Prometheus get without the secret."""


def refuse_caller(
    scope: Scope, path: str, headers: Headers, environment: JobEnvironment
) -> Response | None:
    """Return the refusal of a caller that the job does not serve, before the job sees the call; None for all others."""
    shown = _take_secret(scope, headers)
    return _refuse_misdirected(headers, environment) or _refuse_stranger(
        scope, path, shown, environment
    )


def prove(scope: Scope, path: str, headers: Headers, environment: JobEnvironment) -> RawHeaders:
    """Return the header that proves to a prober of `/live` that this instance knows the secret, or none."""
    challenge = headers.get(CHALLENGE_HEADER)
    if not challenge or not environment.secret or path.rstrip("/") != "/live":
        return []
    # The proof covers the port, so that a program at another port can't get a proof here and pass it on.
    port = environment.port or (scope.get("server") or ("", 0))[1]
    message = f"{challenge} {port}".encode()
    proof = hmac.new(environment.secret.encode(), message, hashlib.sha256).hexdigest()
    return [(PROOF_HEADER.encode(), proof.encode())]


def _take_secret(scope: Scope, headers: Headers) -> str:
    """Return the secret that the caller shows, and remove it from the request, which code of the job may see."""
    shown = headers.pop(SECRET_HEADER, None)
    if shown is None:
        return ""
    name = SECRET_HEADER.encode()
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != name]
    return shown


def _refuse_misdirected(headers: Headers, environment: JobEnvironment) -> Response | None:
    """Return the refusal of a call that is meant for another job; None for all other calls.

    A gateway may send such a call for a moment after this job has taken over the other job's address.
    """
    wanted = headers.get(JOB_HEADER)
    here = f"{environment.name} {environment.version}"
    if not wanted or wanted == here:
        return None
    content = {"error": f"this is job {here}, not {wanted}", "type": "MisdirectedCall"}
    return json_response(content, 421, {JOB_HEADER: here})


def _refuse_stranger(
    scope: Scope, path: str, shown: str, environment: JobEnvironment
) -> Response | None:
    """Return the refusal of a caller that does not know the secret; None for all others, and for probes."""
    secret = environment.secret
    if not secret or hmac.compare_digest(shown.encode(), secret.encode()):
        return None
    if path.rstrip("/") in OPEN_PATHS and scope.get("method") == "GET":
        return None
    here = f"{environment.name} {environment.version}"
    content = {
        "error": f"job {here} takes calls from the gateway only: call {environment.base_url} of PUB, with a token",
        "type": "UnknownCaller",
    }
    return json_response(content, 401, {JOB_HEADER: here})
