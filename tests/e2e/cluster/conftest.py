"""A clone whose programs are stand-ins that write down their calls; only `kubectl kustomize` is the real one."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from stacks.stack import ROOT

KIND = """
case "$1 $2" in
"get clusters") cat "$STATE/cluster" 2>/dev/null || echo "No kind clusters found." >&2 ;;
"get kubeconfig") echo "kubeconfig of $4" ;;
"get nodes") echo racetrack-control-plane ;;
"create cluster") echo "$4" >"$STATE/cluster" ;;
"delete cluster") rm -f "$STATE/cluster" ;;
esac
"""
DOCKER = """
case "$1" in
build) echo sha256:$(echo "$4" | sha256sum | cut -c 1-64) ;;
exec) if [ "$2" = --interactive ]; then cat >>"$STATE/hosts.toml"; fi ;;
esac
"""
KUBECTL = """
case "$*" in
"version "*) echo '{"clientVersion": {"minor": "30"}}' | sed 's/,/,\\n/g' ;;
*"/version"*) echo '{"minor": "30"}' ;;
*"get namespace "*) cat "$STATE/namespace" 2>/dev/null || true ;;
*"create --filename"*) cat >/dev/null; echo uid-1 >"$STATE/namespace" ;;
*"get namespaces --selector"*) echo namespace/racetrack ;;
esac
"""


@dataclass(frozen=True)
class Clone:
    """A copy of what the scripts read, with stand-ins before everything else on PATH."""

    directory: Path

    def stack(self, *arguments, check=True, **variables):
        environment = {
            "PATH": f"{self.directory / 'programs'}:{os.environ['PATH']}",
            "STATE": str(self.directory),
            "HOME": str(self.directory),
        }
        done = subprocess.run(
            [self.directory / "kustomize/stack", *arguments],
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    @property
    def calls(self):
        """The command lines of all stand-ins."""
        return (self.directory / "calls").read_text().splitlines()

    @property
    def secrets(self):
        """The secrets of the install, by their names."""
        files = (self.directory / "build/kubernetes/racetrack/secrets").iterdir()
        return {path.name: path.read_text() for path in files}

    def render(self):
        """Return what the cluster is given, by kind and name."""
        install = self.directory / "build/kubernetes/racetrack"
        command = [ROOT / "venv/bin/kubectl", "kustomize", install]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return {
            (each["kind"], each["metadata"]["name"]): each
            for each in yaml.safe_load_all(done.stdout)
        }


@pytest.fixture
def clone(tmp_path):
    for name in ("kustomize", "compose"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / ".env", tmp_path)
    (tmp_path / "venv").symlink_to(ROOT / "venv")
    for name, text in [("kind", KIND), ("docker", DOCKER), ("kubectl", KUBECTL)]:
        program = tmp_path / "programs" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/bash\necho "{name} $*" >>"$STATE/calls"\n{text}')
        program.chmod(0o755)
    return Clone(tmp_path)
