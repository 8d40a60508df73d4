"""A whole service in a container of its own: what jobs of the type `dockerfile` must answer, with Flask."""

import os

from flask import Flask, jsonify, request

JOB = "/pub/job/<name>/<version>"
"""Where calls arrive: the version is the one that the caller asked for, `latest` too."""

app = Flask(__name__)


@app.get("/live")
def live():
    """The process runs; by the time, the platform recognises the deployment that it waits for."""
    return {
        "live": True,
        "deployment_timestamp": int(os.environ.get("JOB_DEPLOYMENT_TIMESTAMP", "0")),
    }


@app.get("/ready")
def ready():
    """The service takes calls."""
    return {"ready": True}


@app.post(f"{JOB}/api/v1/perform")
def perform(name: str, version: str):
    """Add numbers."""
    return jsonify(sum(request.get_json()["numbers"]))


@app.get(f"{JOB}/api/v1/examples")
def examples(name: str, version: str):
    """The platform makes these calls before a version goes live."""
    return {"/perform": {"numbers": [40, 2]}}
