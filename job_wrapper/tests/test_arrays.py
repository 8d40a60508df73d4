"""Answers that hold arrays and tables of numpy and pandas. `make test-packages` tries further packages and older versions."""

import os
import subprocess
import sys
from pathlib import Path

CASES = Path(__file__).with_name("array_cases.py")
WRAPPER = Path(__file__).parents[1]


def test_values_of_numpy_and_pandas_have_their_form_in_json():
    uv = Path(sys.executable).with_name("uv")
    environment = [
        uv,
        "run",
        "--quiet",
        "--no-project",
        "--python",
        sys.executable,
        "--with",
        "pandas",
    ]

    done = subprocess.run(
        [*environment, "python", "-W", "error", CASES, "numpy", "pandas"],
        env={**os.environ, "PYTHONPATH": str(WRAPPER)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
