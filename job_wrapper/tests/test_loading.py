"""Importing the entrypoint: the names of its modules, in the job and in its child processes."""

import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest
from racetrack_commons.testing.serving import free_port

ADDER = "class Adder:\n    def perform(self, a=1, b=2):\n        return a + b\n"
WORKERS = """
import multiprocessing, pickle, subprocess, sys
from concurrent.futures import ProcessPoolExecutor

def square(x):
    return x * x

class Job:
    def perform(self, kind):
        if kind == "pickle":
            code = f"import pickle; print(pickle.loads({pickle.dumps(square)!r})(3))"
            return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        context = multiprocessing.get_context(kind.removesuffix(" executor"))
        if kind.endswith("executor"):
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                return list(pool.map(square, range(3), timeout=20))
        with context.Pool(1) as pool:
            return pool.map_async(square, range(3)).get(20)
"""
TRAINING = """
import pickle

class Doubler:
    def predict(self, x):
        return 2 * x

if __name__ == "__main__":
    with open("model.pkl", "wb") as file:
        pickle.dump(Doubler(), file)
"""
USING = """
import pickle
from train import Doubler

class Job:
    def __init__(self):
        with open("model.pkl", "rb") as file:
            self.model = pickle.load(file)

    def perform(self, x):
        return self.model.predict(x)
"""


@contextmanager
def running(directory, entrypoint, wait_until):
    """Run the wrapper as the job type does; yield a client when it has loaded the job, or can't."""
    port = str(free_port())
    command = [sys.executable, "-u", "-P", "-m", "racetrack_job_wrapper", "run", entrypoint]
    with (
        (directory / "output").open("w") as output,
        subprocess.Popen([*command, "--port", port], cwd=directory, stdout=output, stderr=output) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):  # fmt: skip
        try:
            wait_until(lambda: process.poll() is not None or has_settled(client))
            yield client
        finally:
            process.kill()


def has_settled(client):
    try:
        return client.get("/ready").status_code == 200 or client.get("/live").status_code == 500
    except httpx.TransportError:
        return False


def perform(directory, wait_until, entrypoint, *payloads):
    """Return the answers to the calls, and the log."""
    with running(directory, entrypoint, wait_until) as client:
        assert client.get("/live").json().get("error") is None
        answers = [client.post("/api/v1/perform", json=each).json() for each in payloads]
    return answers, (directory / "output").read_text()


def write(directory, files):
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_functions_of_the_entrypoint_work_in_child_processes(tmp_path, wait_until):
    write(tmp_path, {"src/workers.py": WORKERS, "src/queue.py": "raise SystemExit('wrong queue')"})
    kinds = ["spawn", "spawn executor", "forkserver", "pickle"]

    answers, _ = perform(
        tmp_path, wait_until, "src/workers.py", *({"kind": kind} for kind in kinds)
    )

    assert answers == [[0, 1, 4], [0, 1, 4], [0, 1, 4], "9\n"]


def test_a_model_saved_by_a_training_script_is_loaded(tmp_path, wait_until):
    write(tmp_path, {"train.py": TRAINING, "job.py": USING})
    subprocess.run([sys.executable, "train.py"], cwd=tmp_path, check=True)

    assert perform(tmp_path, wait_until, "job.py", {"x": 4})[0] == [8]


@pytest.mark.parametrize(
    "name",
    ["queue.py", "logging.py", "types.py", "http/__init__.py", "yaml.py", "uvicorn/__init__.py", "token.py",
     "httptools.py", "a2wsgi.py", "select.py", "tokenize.py", "racetrack_job_wrapper/__init__.py"],
)  # fmt: skip
def test_no_file_of_a_job_takes_the_place_of_what_its_server_imports(tmp_path, wait_until, name):
    write(tmp_path, {"adder.py": ADDER, name: "raise SystemExit('the wrong module')"})

    answers, log = perform(tmp_path, wait_until, "adder.py", {"a": 40, "b": 2})

    module = name.removesuffix("/__init__.py").removesuffix(".py")
    assert answers == [42]
    assert f"the job's own module {module} is never imported" in log


def test_a_job_imports_its_own_modules_first(tmp_path, wait_until):
    own = {
        "profile.py": "VALUE = 1",
        "pytest.py": "VALUE = 2",
        "code.py": "VALUE = 3",
    }
    entrypoint = "import code, profile, pytest\n" + ADDER.replace(
        "a + b", "[profile.VALUE, pytest.VALUE, code.VALUE]"
    )
    write(tmp_path, {**own, "adder.py": entrypoint})

    assert perform(tmp_path, wait_until, "adder.py", {})[0] == [[1, 2, 3]]


@pytest.mark.parametrize("style", ["from features", "from .features", "from src.features"])
def test_an_entrypoint_in_a_folder_imports_what_lies_beside_it(tmp_path, wait_until, style):
    code = f"{style} import scale\n" + ADDER.replace("a + b", "[scale(a), __name__]")
    write(tmp_path, {"src/model.py": code, "src/features.py": "def scale(x):\n    return 2 * x\n"})

    assert perform(tmp_path, wait_until, "src/model.py", {"a": 4})[0] == [[8, "src.model"]]


@pytest.mark.parametrize(
    "name", ["types.py", "my-model.py", "model.v2.py", "pytest/model.py", "x.y/model.py"]
)
def test_an_entrypoint_may_have_any_name(tmp_path, wait_until, name):
    write(tmp_path, {name: ADDER})

    assert perform(tmp_path, wait_until, name, {"a": 40})[0] == [42]


def test_a_package_that_can_not_be_imported_does_not_keep_its_entrypoint_from_loading(
    tmp_path, wait_until
):
    write(tmp_path, {"src/__init__.py": "import nothing_like_this", "src/model.py": ADDER})

    answers, log = perform(tmp_path, wait_until, "src/model.py", {"a": 40})

    assert answers == [42]
    assert "model.py is loaded as a file, not as part of its package: No module named" in log


def test_a_job_runs_in_its_own_directory_with_its_own_settings(tmp_path, wait_until):
    code = "import os\nfrom helper import VALUE\n" + ADDER.replace("a + b", "[VALUE, os.getcwd()]")
    write(
        tmp_path,
        {
            "jobs/adder/job.yaml": "name: adder\njobtype_extra: {entrypoint_path: adder.py, home_page: /there}",
            "jobs/adder/adder.py": code,
            "jobs/adder/helper.py": "VALUE = 7",
        },
    )

    with running(tmp_path, "jobs/adder/adder.py", wait_until) as client:
        answer = client.post("/api/v1/perform", json={}).json()
        home = client.get("/").headers["location"]

    assert answer == [7, str(tmp_path / "jobs/adder")]
    assert home.endswith("/there")
