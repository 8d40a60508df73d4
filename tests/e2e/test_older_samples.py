"""Samples of the older system, and what their users do next, on a platform of its own with short limits."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from stacks.embedded import EmbeddedStack, start_embedded_stack

CHAIN = """
from racetrack_job_wrapper.call import call_job

class JobEntrypoint:
    def perform(self, numbers):
        return round(call_job(self, "adder", "/api/v1/perform", {"numbers": numbers}))

    def docs_input_example(self):
        return {"numbers": [40, 2.7]}
"""
TIMEOUT = """
import time

class TimeoutJob:
    def perform(self, mode, t=0):
        if mode == "crash":
            raise Exception("Windows12 has stopped working")
        time.sleep(t)
        return {"Alive": True, "Timeout": t}

    def docs_input_example(self):
        return {"mode": "timeout", "t": 5}
"""
FORMATTER = """
from fastapi import FastAPI
from fastapi.responses import RedirectResponse

class JobEntrypoint:
    def webview_app(self, base_url):
        app = FastAPI()

        @app.get("/")
        def home():
            return RedirectResponse(f"{base_url}/view")

        @app.get("/view")
        def view():
            return {"view": "documents"}

        return app
"""
TRAINING = """
import pickle


class LinearModel:
    def fit(self, x, y):
        n, mean_x, mean_y = len(x), sum(x) / len(x), sum(y) / len(y)
        covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
        self.slope = covariance / sum((a - mean_x) ** 2 for a in x)
        self.intercept = mean_y - self.slope * mean_x
        return self

    def predict(self, x):
        return [self.intercept + self.slope * each for each in x]


if __name__ == "__main__":
    with open("model.pkl", "wb") as file:
        pickle.dump(LinearModel().fit([0, 1, 2], [1, 3, 5]), file)
"""
PICKLED = """
import pickle

from training import LinearModel

class PickledModel:
    def __init__(self):
        with open("model.pkl", "rb") as file:
            self.model = pickle.load(file)

    def perform(self, x_new):
        return self.model.predict(x_new)

    def docs_input_example(self):
        return {"x_new": [0.5, 2]}
"""
VERSION = """
import os

class Job:
    def perform(self):
        return os.environ["JOB_VERSION"]
"""
ENDLESS = """
import time

class Job:
    def __init__(self):
        print("loading", flush=True)
        time.sleep(600)

    def perform(self):
        return None
"""
PERFORM = "latest/api/v1/perform"


@pytest.fixture(scope="module")
def older_stack() -> Iterator[EmbeddedStack]:
    stack = start_embedded_stack({"SMOKE_TEST_TIMEOUT_SECONDS": "2", "DRAIN_SECONDS": "0.5"})
    yield stack
    stack.stop()


@pytest.fixture
def deploy(older_stack):
    def deploy(directory, *options, **run):
        return older_stack.racetrack("deploy", str(directory), *options, **run)

    return deploy


def entrypoint(class_name, **extra):
    return {"entrypoint_path": "job.py", "entrypoint_class": class_name, **extra}


def test_a_chain_goes_live_and_is_told_what_to_grant(older_stack, deploy, job_directory):
    deploy("sample/python-class")
    chain = job_directory("python-chain", CHAIN, jobtype_extra=entrypoint("JobEntrypoint"))

    told = deploy(chain).stderr

    command = "racetrack auth allow job_family:python-chain adder"
    assert "The job is live all the same" in told
    assert f"`{command}`" in told
    older_stack.racetrack(*command.split()[1:])
    answer = older_stack.call(f"python-chain/{PERFORM}", {"numbers": [40, 2.7]})
    assert (answer.status_code, answer.json()) == (200, 43)
    assert "live all the same" not in deploy(chain, "--force").stderr


def test_a_slow_example_warns_and_a_long_call_outlives_its_instance(
    older_stack, deploy, job_directory
):
    slow = job_directory("windows12", TIMEOUT, jobtype_extra=entrypoint("TimeoutJob"))

    def call(seconds):
        return older_stack.call(f"windows12/{PERFORM}", {"mode": "timeout", "t": seconds})

    told = deploy(slow).stderr
    assert "gave no answer within 2 s. The job is live all the same" in told
    assert "`smoke_test_timeout: SECONDS` in job.yaml" in told
    with ThreadPoolExecutor(1) as caller:
        long_call = caller.submit(call, 14)
        refused = deploy(slow, "--force", check=False)
        assert refused.returncode == 70
        assert "gave no answer within 2 s" in refused.stderr
        deploy(slow, "--force", "--no-smoke-test")
        assert call(0).json() == {"Alive": True, "Timeout": 0}
        older_stack.racetrack("rollback", "windows12", check=False)
        assert (long_call.result().status_code, long_call.result().json()["Timeout"]) == (200, 14)


def test_pages_without_perform_are_deployed(older_stack, deploy, job_directory):
    extra = entrypoint("JobEntrypoint", requirements_path="requirements.txt")
    formatter = job_directory("docs-formatter", FORMATTER, jobtype_extra=extra)
    (formatter / "requirements.txt").write_text("fastapi\n")

    deploy(formatter)

    headers = {"X-Racetrack-Auth": older_stack.admin_token}
    page = f"{older_stack.pub_url}/job/docs-formatter/latest/api/v1/webview/"
    answer = httpx.get(page, headers=headers)
    assert answer.status_code == 307
    assert answer.headers["location"].endswith("/view")
    assert httpx.get(f"{page}view", headers=headers).json() == {"view": "documents"}
    assert older_stack.call(f"docs-formatter/{PERFORM}", {}).status_code == 400


def test_a_model_that_its_training_script_pickled_predicts(older_stack, deploy, job_directory):
    """The sample scikit-model, with a class of its own in place of a large library."""
    extra = entrypoint("PickledModel")
    labels = {"model": "linear-regression"}
    model = job_directory("scikit-sample", PICKLED, labels=labels, jobtype_extra=extra)
    (model / "training.py").write_text(TRAINING)
    subprocess.run([sys.executable, "training.py"], cwd=model, check=True)

    deploy(model)

    answer = older_stack.call(f"scikit-sample/{PERFORM}", {"x_new": [0.5, 2]})
    assert (answer.status_code, answer.json()) == (200, [2.0, 5.0])


def test_latest_goes_back_and_survives_a_restart(older_stack, deploy, job_directory):
    def latest():
        return older_stack.call(f"records/{PERFORM}", {}).json()

    records = job_directory("records", VERSION)
    for version in ("1.0.0", "1.1.0"):
        deploy(records, "-e", f"version={version}")
    assert latest() == "1.1.0"

    older_stack.racetrack("rollback", "records", "--to", "1.0.0")
    assert latest() == "1.0.0"
    assert "1.0.0 (latest)" in older_stack.racetrack("list").stdout

    older_stack.control("down")
    assert older_stack.control("up").returncode == 0
    assert [job for job in older_stack.jobs() if job["status"] != "running"] == []
    assert latest() == "1.0.0"

    listed = json.loads(older_stack.racetrack("deployments", "records", "-o", "json").stdout)
    assert [(each["job_version"], each["kind"]) for each in listed] == [
        ("1.1.0", "deploy"),
        ("1.0.0", "deploy"),
    ]
    deploy(records, "-e", "version=1.2.0")
    assert latest() == "1.2.0"


def test_a_deployment_is_followed_and_cancelled(older_stack, job_directory, wait_until):
    endless = job_directory("endless", ENDLESS)
    deploying = older_stack.start_racetrack("deploy", str(endless))

    def phase():
        return older_stack.api("GET", "deploy?job_name=endless").json()[0]["phase"]

    wait_until(lambda: older_stack.api("GET", "deploy?job_name=endless").json())
    wait_until(lambda: phase() == "initializing Job entrypoint")
    following = older_stack.start_racetrack("attach", "endless")
    assert "initializing Job entrypoint" in following.stdout.readline()

    older_stack.racetrack("cancel", "endless")

    for process in (deploying, following):
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 70
        assert "cancelled by admin" in output
    assert not [job for job in older_stack.jobs() if job["name"] == "endless"]
    listed = older_stack.racetrack("deployments", "endless").stdout
    assert "cancelled" in listed
    assert "failed" not in listed
    assert older_stack.racetrack("cancel", "endless", check=False).returncode == 70
