"""The smoke test: calls each documented endpoint of a new instance with its example."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import httpx
from racetrack_client.manifest import Manifest
from racetrack_commons.auth.instance_proof import SECRET_HEADER

from lifecycle.deployment.attempt.failure import DeploymentFailed

HINT = (
    "fix the job or its documented example;"
    " `smoke_test: false` in job.yaml deploys without calling the examples"
)
_SHOWN_CHARACTERS = 500
_JSON = {"content-type": "application/json"}
_FETCH_SECONDS = 30
_REFUSAL = re.compile(r"\b40[13]\b|Unauthori[sz]ed|Unauthenticated|Forbidden")
_CALLED_JOB = re.compile(r"/pub/(?:async/new/)?job/([a-z0-9-]+)/")
"""A call through the gateway, as HTTP libraries name it in their errors."""


class ExampleFailed(DeploymentFailed):
    """An example failed; `remedy` is empty unless a grant or a setting can be all that is missing."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause, hint=f"{remedy}; or {HINT}" if remedy else HINT)
        self.remedy = remedy


@dataclass(frozen=True)
class JobAddress:
    """The address of a job, and the secret of its instance that its callers show."""

    name: str
    """`host:port`."""
    secret: str = field(default="", repr=False)
    """Empty for jobs that have not proven to know it."""


@dataclass(frozen=True)
class ExampleCaller:
    """Calls the examples of jobs, one after the other."""

    http: httpx.Client
    timeout_seconds: float
    """The limit of a job whose manifest sets none."""

    def call_examples(self, address: JobAddress, manifest: Manifest) -> None:
        """Call the examples of the job at `address`; raise ExampleFailed when one fails."""
        base_url = f"http://{address.name}"
        headers = {SECRET_HEADER: address.secret} if address.secret else {}
        timeout_seconds = manifest.smoke_test_timeout or self.timeout_seconds
        for endpoint, example in self._fetch_examples(base_url, headers).items():
            path = endpoint if endpoint.startswith("/api/") else f"/api/v1/{endpoint.lstrip('/')}"
            what = f"smoke test: POST {path} with its documented example"
            request = httpx.Request(
                "POST",
                f"{base_url}{path}",
                headers=_JSON | headers,
                # Half a surrogate pair is escaped, which UTF-8 can't hold.
                content=json.dumps(example),
                extensions={"timeout": httpx.Timeout(timeout_seconds).as_dict()},
            )
            response = self._call(what, request, timeout_seconds)
            if not response.is_success:
                raise ExampleFailed(
                    f"{what} answered {response.status_code}: {_shorten(response.text)}",
                    _describe_missing_grant(manifest.name, response.text),
                )

    def _fetch_examples(self, base_url: str, headers: dict[str, str]) -> dict[str, Any]:
        try:
            response = self.http.get(
                f"{base_url}/api/v1/examples", headers=headers, timeout=_FETCH_SECONDS
            )
            examples = json.loads(response.content) if response.status_code == 200 else {}
        except (httpx.TransportError, ValueError):
            return {}  # Not every job type documents examples.
        return examples if isinstance(examples, dict) else {}

    def _call(self, what: str, request: httpx.Request, timeout_seconds: float) -> httpx.Response:
        try:
            return self.http.send(request)
        except httpx.TimeoutException as error:
            raise ExampleFailed(
                f"{what} gave no answer within {timeout_seconds:g} s",
                "`smoke_test_timeout: SECONDS` in job.yaml gives it more time",
            ) from error
        except httpx.TransportError as error:
            raise ExampleFailed(f"{what} broke off: {error}") from error


def is_smoke_test_wanted(manifest: Manifest) -> bool:
    """Return whether the examples may be called; older clients accept the key only in `jobtype_extra`."""
    return manifest.smoke_test and manifest.get_jobtype_extra().get("smoke_test") is not False


def _describe_missing_grant(job_name: str, answer: str) -> str:
    """Return the command that lets the job call the job that refused it; an empty text for other errors."""
    called = _CALLED_JOB.search(answer)
    if called is None or not _REFUSAL.search(answer):
        return ""
    return f"`racetrack auth allow job_family:{job_name} {called[1]}` lets it call job {called[1]}"


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
