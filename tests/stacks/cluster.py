"""A real cluster of one node on this machine, started by the script that is given to this repository's checkouts."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLUSTER_SETUP = Path(__file__).parents[2].parent / "shared/kubernetes/setup"
_RUNNING = Path("/run/kubernetes/kube-apiserver.pid")
_PROGRAM = Path("/opt/kubernetes/bin/kubectl")


@dataclass(frozen=True)
class LocalCluster:
    """The running cluster."""

    kubeconfig: Path

    def load_images(self, *images: str) -> None:
        """Give the cluster images of this machine's Docker engine."""
        _run([str(CLUSTER_SETUP), "load", *images])

    def kubectl(self, *arguments: str, content: str | None = None) -> str:
        """Run kubectl and return its output; raise RuntimeError with its errors."""
        return _run([str(_PROGRAM), f"--kubeconfig={self.kubeconfig}", *arguments], content=content)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects as kubectl does."""
        content = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.kubectl("apply", "--filename=-", content=content)


@contextmanager
def start_cluster() -> Iterator[LocalCluster]:
    """Start the cluster; stop it at the end, unless it ran before."""
    ran_before = _RUNNING.exists()
    with tempfile.TemporaryDirectory(prefix="rt-cluster-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        try:
            _run([str(CLUSTER_SETUP), "start", str(kubeconfig)])
            yield LocalCluster(kubeconfig)
        finally:
            if not ran_before:
                _run([str(CLUSTER_SETUP), "stop"])


def _run(command: list[str], content: str | None = None) -> str:
    # Output goes through files, because the processes of the cluster outlive the script and would hold a pipe open.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        done = subprocess.run(
            command,
            input=content.encode() if content else None,
            stdout=output,
            stderr=errors,
            check=False,
            timeout=300,
        )
        output.seek(0), errors.seek(0)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed: {errors.read().decode()}")
        return output.read().decode().strip()
