"""Simulated machines of many CPUs: a library that tells a job so is compiled and preloaded into it."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def compile_simulated_cpus(folder: Path) -> Path:
    """Compile the library into a folder, and return its path."""
    library = folder / "simulated_cpus.so"
    compiler = ["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", str(SOURCE), "-ldl"]
    subprocess.run([*compiler, "-o", str(library)], check=True)
    return library


def simulate_cpus(library: Path | str, cpus: int) -> dict[str, str]:
    """Return the variables of a program that believes in so many CPUs."""
    return {"LD_PRELOAD": str(library), "SIMULATED_CPUS": str(cpus)}
