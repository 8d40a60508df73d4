"""Commands and code that call a job; a placeholder stands for the token."""

import json
import shlex
from typing import Any


def make_curl(url: str, method: str, body: Any) -> str:
    """Return the command that calls an endpoint from a shell."""
    lines = [f"curl -X {method} {shlex.quote(url)}", "-H 'X-Racetrack-Auth: '\"$RACETRACK_TOKEN\""]
    if body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}")
    return " \\\n  ".join(lines)


def make_python(url: str, method: str, body: Any) -> str:
    """Return the Python code that calls an endpoint."""
    arguments = [
        json.dumps(method),
        json.dumps(url),
        'headers={"X-Racetrack-Auth": os.environ["RACETRACK_TOKEN"]}',
    ]
    if body is not None:
        arguments.append(f"json={body!r}")
    called = ",\n    ".join(arguments)
    return (
        "import os\n\nimport httpx\n\n"
        f"answer = httpx.request(\n    {called},\n    timeout=60,\n)\n"
        "answer.raise_for_status()\nprint(answer.json())"
    )
