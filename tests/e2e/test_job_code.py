"""The code of a job finds its own modules, programs and settings, and child processes find the code."""

import json

CODE = """
import multiprocessing, os, shutil, subprocess, sys
from .features import double

def square(x):
    return x * x

class Job:
    def perform(self, numbers):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            squares = pool.map_async(square, numbers).get(60)
        program = ["python", "-c", "import racetrack_job_wrapper, sys; print(sys.prefix)"]
        done = subprocess.run(program, capture_output=True, text=True)
        return {
            "squares": squares,
            "doubled": double(21),
            "own_programs": {done.stdout.strip(), os.environ["VIRTUAL_ENV"]} == {sys.prefix},
            "prompt": os.environ["PROMPT"],
        }
"""


def test_a_job_in_a_folder_with_taken_names_works_as_it_did_at_home(stack, job_directory):
    prompt = r"Answer:\n{question}"
    directory = job_directory(
        "own-code",
        "",
        jobtype_extra={"entrypoint_path": "src/model.py"},
        runtime_env={"PROMPT": prompt},
    )
    (directory / "src").mkdir()
    files = {"src/model.py": CODE, "src/features.py": "def double(x):\n    return 2 * x\n"}
    files |= dict.fromkeys(["queue.py", "src/yaml.py", "types.py"], "raise SystemExit('wrong')")
    for name, content in files.items():
        (directory / name).write_text(content)

    done = stack.racetrack("deploy", str(directory), check=False)
    assert done.returncode == 0, done.stderr
    assert "note: src/model.py documents no example" in done.stderr

    answer = stack.call("own-code/latest/api/v1/perform", {"numbers": [2, 3]})
    assert (answer.status_code, answer.json()) == (
        200,
        {"squares": [4, 9], "doubled": 42, "own_programs": True, "prompt": prompt},
    ), json.dumps(answer.json())
