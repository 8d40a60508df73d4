"""Calling a new instance with the examples of its own documentation, before anybody else does."""

import json
from typing import Any

import httpx
from racetrack_client.manifest import Manifest

from lifecycle.deployment.attempt.failure import DeploymentFailed

_SHOWN_CHARACTERS = 500
HINT = (
    "fix the job or its documented example;"
    " `smoke_test: false` in job.yaml deploys without calling the examples"
)


def is_smoke_test_wanted(manifest: Manifest) -> bool:
    """Tell whether the manifest lets us call the examples; older clients refuse the key at its root."""
    return manifest.smoke_test and manifest.get_jobtype_extra().get("smoke_test") is not False


class SmokeTest:
    """Calls each documented endpoint with its example."""

    def __init__(self, http: httpx.Client, timeout_seconds: float) -> None:
        self._http = http
        self._timeout_seconds = timeout_seconds

    def run(self, address: str) -> None:
        """Call the job that answers at an address; raises DeploymentFailed."""
        base_url = f"http://{address}"
        for endpoint, example in self._fetch_examples(base_url).items():
            self._call(base_url, endpoint, example)

    def _fetch_examples(self, base_url: str) -> dict[str, Any]:
        try:
            response = self._http.get(f"{base_url}/api/v1/examples", timeout=self._timeout_seconds)
            examples = json.loads(response.content) if response.status_code == 200 else {}
        except (httpx.TransportError, ValueError):
            return {}  # Not every kind of job has documented examples.
        return examples if isinstance(examples, dict) else {}

    def _call(self, base_url: str, endpoint: str, example: object) -> None:
        path = endpoint if endpoint.startswith("/api/") else f"/api/v1/{endpoint.lstrip('/')}"
        try:
            response = self._http.post(
                f"{base_url}{path}", json=example, timeout=self._timeout_seconds
            )
        except httpx.TimeoutException as error:
            raise DeploymentFailed(
                f"smoke test: POST {path} with its documented example gave no answer"
                f" within {self._timeout_seconds:g} s",
                hint=HINT,
            ) from error
        except httpx.TransportError as error:
            raise DeploymentFailed(
                f"smoke test: POST {path} with its documented example broke off: {error}", hint=HINT
            ) from error
        if not response.is_success:
            body = response.text
            shown = body if len(body) <= _SHOWN_CHARACTERS else f"{body[:_SHOWN_CHARACTERS]}…"
            raise DeploymentFailed(
                f"smoke test: POST {path} with its documented example"
                f" answered {response.status_code}: {shown}",
                hint=HINT,
            )
