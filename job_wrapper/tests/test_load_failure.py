"""What authors read when their job can't be loaded."""

import subprocess
import sys
from pathlib import Path

import pytest
from racetrack_job_wrapper.environment import read_environment
from racetrack_job_wrapper.job import JobState, load_job
from racetrack_job_wrapper.loading import load_entrypoint

FILES = {
    "job.py": "class Job:\n    def perform(self): ...\n",
    "queue.py": "class TaskQueue: ...\n",
    "yaml.py": "def load_settings(): ...\n",
    "lib/features.py": "",
    "common": "../../common",
    "train.py": "class Doubler: ...\n\nif __name__ == '__main__':\n    import pickle\n"
    "    open('model.pkl', 'wb').write(pickle.dumps(Doubler()))\n",
}
NO_FILE = "write {} into a file requirements.txt, and name that file in job.yaml: `requirements_path: requirements.txt`"


def fail_to_load(code, requirements="requirements.txt", files=FILES):
    for name, content in (files | {"job.py": code + FILES["job.py"]}).items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(content)
    manifest = f"jobtype_extra:\n  requirements_path: {requirements}\n"
    state = JobState(read_environment({"JOB_MANIFEST_YAML": manifest}, None))
    load_job(state, lambda: load_entrypoint("job.py", None))
    return state.error


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("import sklearn_none\n", "(job.py, line 1): add the line sklearn_none to requirements.txt"),
        ("x = 1\nimport cv2.gapi\n", "(job.py, line 2): add the line opencv-python-headless to requirements.txt"),
        ("import google.cloud.storage\n", "add the line google-cloud-… (the one with this module) to"),
        ("import features\n", "lib/features.py is in another folder: set runtime_env.PYTHONPATH to lib"),
        ("from .helpers import x\n", "write `from helpers import …`, not `from .helpers import …`"),
        ("from queue import TaskQueue\n", "queue.py of the job has the name of a module that the wrapper uses; rename it"),
        ("import yaml\nyaml.load_settings()\n", "(job.py, line 2): yaml.py of the job has the name"),
        ("import ctypes\nctypes.CDLL('libtulip.so.7')\n", "add `system_dependencies: [libtulip7]` to job.yaml"),
        ("import ctypes\nctypes.CDLL('libtulip-2.0.so.0')\n", "[libtulip-2.0-0]"),
        ("raise ImportError('libGL.so.1: cannot open shared object file')\n", "[libgl1]"),
        ("raise ImportError('Use pip install openpyxl.')\n", "add the line openpyxl to requirements.txt"),
        ("raise ImportError('No module', name='imp')\n", "No module (job.py, line 1), cause=ImportError"),
        ("raise ModuleNotFoundError('No module', name='imp')\n", "set jobtype_extra.python_version to '3.11'"),
        ("raise ModuleNotFoundError('No module', name='pkg_resources')\n", "add the line setuptools<82 to"),
        ("import pickle\npickle.loads(b'version https://git-lfs')\n", "may be a pointer of Git LFS"),
        ("raise SystemExit()\n", "SystemExit (job.py, line 1), cause=SystemExit, traceback=job.py:1"),
        ("import common\n", "common is a file, not a package, perhaps a link that was checked out as text"),
        ("import broken\n", "broken.py, line 3"),
        ("class Mute(Exception):\n    def __str__(self): return 1\nraise Mute()\n",
         "Mute, whose message can't be read (TypeError) (job.py, line 3), cause=Mute, traceback=job.py:3"),
        ("class Shut(Exception):\n    def __getattribute__(self, name): raise KeyError(name)\nraise Shut()\n",
         "Shut (job.py, line 3), cause=Shut, traceback=job.py:3"),
        ("import pathlib\nopen(pathlib.Path('x.bin').absolute())\n", "No such file or directory: 'x.bin'"),
    ],
)  # fmt: skip
def test_an_error_says_where_it_is_and_what_to_do(code, advice):
    error = fail_to_load(code, files=FILES | {"broken.py": "\n\ndef (:\n"})

    assert advice in error
    assert str(Path.cwd()) not in error
    assert "racetrack_job_wrapper" not in error


def test_a_job_without_requirements_learns_how_to_have_some():
    assert NO_FILE.format("scikit-image") in fail_to_load("import skimage\n", requirements="")


def test_a_model_of_a_training_script_leads_to_the_script():
    loading = "import pathlib, pickle\npickle.loads(pathlib.Path('model.pkl').read_bytes())\n"
    Path("train.py").write_text(FILES["train.py"])
    subprocess.run([sys.executable, "train.py"], check=True)

    error = fail_to_load(loading)

    assert "write `from train import Doubler` in the entrypoint" in error


def test_the_frames_of_all_causes_come_last_and_only_those_of_the_job():
    code = "def load():\n    open('no.model')\ntry:\n    load()\nexcept OSError as e:\n    raise ValueError('no model') from e\n"

    assert fail_to_load(code) == (
        "no model (job.py, line 2), cause=FileNotFoundError, traceback=job.py:6, job.py:4, job.py:2"
    )


def test_a_recursion_without_end_is_described_in_a_line_of_bearable_length():
    error = fail_to_load("def deep():\n    deep()\ndeep()\n")

    assert error.startswith("maximum recursion depth exceeded")
    assert ", …, " in error
    assert len(error) < 500
