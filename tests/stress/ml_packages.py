"""Deploys jobs of numerical packages, with default memory on simulated machines of many CPUs, and calls each many times at once.

Run by hand on an idle machine: `PYTHONPATH=tests venv/bin/python tests/stress/ml_packages.py`. It installs about 2 GB.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from stacks.embedded import EmbeddedStack, start_embedded_stack
from stacks.simulated_cpus import compile_simulated_cpus, simulate_cpus

TORCH_ARCHIVES = "python3-torch"
"""Debian's package: on PyPI, torch for Linux needs gigabytes of drivers for graphics cards."""
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Many threads share the few CPUs that there really are: those that wait must not keep them busy."""
MEBI = 2**20
LINE = "{:<14} {:>5} {:<9} {:>9} {:>9} {:>9} {:>9} {:>9}  {}"


@dataclass(frozen=True)
class Package:
    """A job of one package: what it requires, its code, and variables that it needs."""

    name: str
    requirements: str
    load: str
    call: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The entrypoint."""
        return (
            "import os\n"
            f"{self.load}\n"
            "class Job:\n"
            "    def perform(self, x: int = 1):\n"
            f"        return [os.cpu_count(), float({self.call})]\n"
            "    def docs_input_example(self):\n"
            "        return {'x': 1}\n"
        )


PACKAGES = [
    Package(
        "sklearn",
        "scikit-learn",
        "import numpy\n"
        "from sklearn.ensemble import RandomForestRegressor\n"
        "data = numpy.random.default_rng(1).random((500, 10))\n"
        "model = RandomForestRegressor(n_estimators=20, n_jobs=-1).fit(data, data[:, 0])",
        "model.predict(data[:50]).mean()",
    ),
    Package(
        "scipy",
        "scipy",
        "import numpy, scipy.linalg, scipy.optimize, scipy.stats\n"
        "data = numpy.random.default_rng(1).random((60, 60))",
        "scipy.linalg.svdvals(data).max()",
    ),
    Package(
        "numba",
        "numba",
        "import numba, numpy\n"
        "data = numpy.ones(1_000_000)\n"
        "@numba.njit(parallel=True)\n"
        "def add(values):\n"
        "    total = 0.0\n"
        "    for i in numba.prange(len(values)):\n"
        "        total += values[i]\n"
        "    return total\n"
        "# Its threads may be used by one call at a time.\n"
        "import threading\n"
        "lock = threading.Lock()\n"
        "def add_alone():\n"
        "    with lock:\n"
        "        return add(data)",
        "add_alone()",
    ),
    Package(
        "xgboost",
        "xgboost-cpu\nscikit-learn",
        "import numpy, xgboost\n"
        "data = numpy.random.default_rng(1).random((500, 10))\n"
        "model = xgboost.XGBRegressor(n_estimators=20).fit(data, data[:, 0])",
        "model.predict(data[:50]).mean()",
    ),
    Package(
        "lightgbm",
        "lightgbm\nscikit-learn",
        "import numpy, lightgbm\n"
        "data = numpy.random.default_rng(1).random((500, 10))\n"
        "model = lightgbm.LGBMRegressor(n_estimators=20, verbose=-1).fit(data, data[:, 0])",
        "model.predict(data[:50]).mean()",
    ),
    Package(
        "onnxruntime",
        "onnxruntime\nonnx",
        "import numpy, onnxruntime\n"
        "from onnx import TensorProto, helper\n"
        "shape = [50, 50]\n"
        "ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in 'ab']\n"
        "graph = helper.make_graph([helper.make_node('MatMul', ['a', 'a'], ['b'])], 'g', ends[:1], ends[1:])\n"
        "made = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)\n"
        "session = onnxruntime.InferenceSession(made.SerializeToString())\n"
        "data = numpy.ones(shape, numpy.float32)",
        "session.run(None, {'a': data})[0].mean()",
    ),
    Package(
        "pandas-pyarrow",
        "pandas\npyarrow",
        "import io\nimport pandas\n"
        "buffer = io.BytesIO()\n"
        "pandas.DataFrame({'k': range(100_000), 'v': 1.5}).to_parquet(buffer)",
        "pandas.read_parquet(io.BytesIO(buffer.getvalue())).groupby('k').v.sum().mean()",
    ),
]


@dataclass(frozen=True)
class Outcome:
    """One job on one simulated machine."""

    package: str
    cpus: int
    answers: str
    seconds_to_deploy: float
    seconds_of_calls: float
    statistics: dict[str, int]
    problem: str = ""

    def format_line(self) -> str:
        """Return its line of the table."""
        memory = (self.statistics.get(f"memory_{key}bytes", 0) for key in ("", "peak_", "limit_"))
        return LINE.format(
            self.package,
            self.cpus,
            self.answers,
            f"{self.seconds_to_deploy:.1f}",
            f"{self.seconds_of_calls:.1f}",
            *(f"{number / MEBI:.0f}" for number in memory),
            self.problem,
        )


def main() -> None:
    """Run what the arguments choose, and print a line for each job; exit with 1 when one failed."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # Jobs may have users of their own.
        library = compile_simulated_cpus(Path(folder))
        packages = [each for each in PACKAGES if not arguments.only or each.name in arguments.only]
        if arguments.torch:
            packages.append(make_torch(unpack_torch(arguments.torch)))
        stack = start_embedded_stack({"JOB_CGROUPS": str(not arguments.without_cgroups)})
        titles = (
            "package",
            "CPUs",
            "answers",
            "deploy s",
            "calls s",
            "MiB",
            "peak MiB",
            "limit MiB",
        )
        print(LINE.format(*titles, ""), flush=True)
        try:
            outcomes = [
                try_package(
                    stack, Path(folder), package, simulate_cpus(library, cpus), arguments.callers
                )
                for package in packages
                for cpus in arguments.cpus
            ]
        finally:
            stack.stop()
    sys.exit(any(outcome.problem for outcome in outcomes))


def parse_arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpus", type=int, nargs="*", default=[16, 64], help="CPUs to simulate")
    parser.add_argument("--callers", type=int, default=40, help="calls at once, twice for each job")
    parser.add_argument("--only", nargs="*", choices=[each.name for each in PACKAGES])
    parser.add_argument(
        "--torch",
        type=Path,
        metavar="FOLDER",
        help="try torch, too: Debian's build for CPUs, unpacked into FOLDER (600 MB), for Debian's version of Python",
    )
    parser.add_argument(
        "--without-cgroups", action="store_true", help="let the Supervisor measure the jobs"
    )
    return parser.parse_args()


def try_package(
    stack: EmbeddedStack, folder: Path, package: Package, variables: dict[str, str], callers: int
) -> Outcome:
    """Deploy a job, call it, print and return what came of it; the job is deleted at the end."""
    cpus = int(variables["SIMULATED_CPUS"])
    name = f"{package.name}-{cpus}"
    directory = write_job(folder, name, package, variables)
    started = time.monotonic()
    done = stack.racetrack("deploy", str(directory), "--build-context", "local", check=False)
    deployed = time.monotonic()
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        outcome = Outcome(
            package.name, cpus, "-", deployed - started, 0, {}, "; ".join(errors)[:300]
        )
    else:
        counts = call_at_once(stack, name, callers) + call_at_once(stack, name, callers)
        ended = time.monotonic()
        time.sleep(6)  # The statistics of jobs are collected every five seconds.
        job = next(each for each in stack.jobs() if each["name"] == name)
        statistics = dict(job["infrastructure_stats"])  # type: ignore[call-overload]
        wrong = {answer: count for answer, count in counts.items() if answer != f"200 {cpus}"}
        problem = f"{wrong}" if wrong else ""
        if statistics.get("number_of_restarts"):
            problem += f" {job['error'] or job['notice']}"
        good = f"{counts[f'200 {cpus}']}/{2 * callers}"
        outcome = Outcome(
            package.name, cpus, good, deployed - started, ended - deployed, statistics, problem
        )
        stack.racetrack("delete", name, "--version", "0.0.1")
    print(outcome.format_line(), flush=True)
    return outcome


def write_job(folder: Path, name: str, package: Package, variables: dict[str, str]) -> Path:
    """Write the job's directory, and return it; its manifest names no resources."""
    directory = folder / name
    directory.mkdir()
    (directory / "job.py").write_text(package.code)
    (directory / "requirements.txt").write_text(package.requirements + "\n")
    manifest = {
        "name": name,
        "owner_email": "tests@example.com",
        "jobtype": "python3:latest",
        "git": {"remote": "https://github.com/TheRacetrack/racetrack"},
        "jobtype_extra": {
            "entrypoint_path": "job.py",
            "entrypoint_class": "Job",
            "requirements_path": "requirements.txt",
        },
        "runtime_env": PATIENT | variables | package.variables,
    }
    (directory / "job.yaml").write_text(yaml.safe_dump(manifest))
    return directory


def call_at_once(stack: EmbeddedStack, name: str, callers: int) -> Counter[str]:
    """Call the job by that many callers at once; return how often each status came, with the CPUs that the job saw."""

    def call(_: int) -> str:
        answer = stack.call(f"{name}/latest/api/v1/perform", {"x": 1})
        return (
            f"{answer.status_code} {answer.json()[0] if answer.is_success else answer.text[:100]}"
        )

    with ThreadPoolExecutor(callers) as pool:
        return Counter(pool.map(call, range(callers)))


def unpack_torch(folder: Path) -> Path:
    """Unpack torch and what it needs into the folder, unless it is there; return the folder."""
    if not (folder / "usr/lib/python3/dist-packages/torch").is_dir():
        archives = folder / "archives"
        (archives / "partial").mkdir(parents=True)
        download = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", "--download-only"]
        subprocess.run(
            [*download, "-o", f"Dir::Cache::archives={archives}", TORCH_ARCHIVES], check=True
        )
        for archive in sorted(archives.glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)
    return folder.resolve()


def make_torch(folder: Path) -> Package:
    """Return a job that finds torch in the folder."""
    packages = folder / "usr/lib/python3/dist-packages"
    libraries = {str(each.parent) for each in folder.rglob("*.so*")}
    return Package(
        "torch",
        "",
        f"import sys\nsys.path.append({str(packages)!r})\n"
        "import torch\n"
        "model = torch.nn.Sequential(torch.nn.Linear(500, 500), torch.nn.ReLU(), torch.nn.Linear(500, 1))\n"
        "data = torch.ones(20, 500)",
        "model(data).mean()",
        {
            "LD_LIBRARY_PATH": ":".join(
                each for each in sorted(libraries) if "dist-packages" not in each
            )
        },
    )


if __name__ == "__main__":
    main()
