"""`make kube-up` on a real cluster: everything gets ready, has few rights, comes back, and keeps its data and secrets."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from stacks.cluster import CLUSTER_SETUP, start_cluster
from stacks.kubernetes import install_platform
from stacks.stack import ROOT

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CLUSTER_SETUP.exists(), reason=f"there is no {CLUSTER_SETUP}"),
]


@pytest.fixture(scope="module")
def cluster():
    with start_cluster() as started:
        yield started


@pytest.fixture(scope="module")
def platform(cluster):
    with install_platform(cluster, "racetrack-test-install") as installed:
        yield installed


@pytest.fixture
def forwarded(platform, wait_until):
    """The platform while `make kube-forward` runs, and the command line logged in to it."""
    forwarding = platform.start("forward")
    urls = [
        f"http://127.0.0.1:{platform.environment[port]}{path}"
        for port, path in [("LIFECYCLE_PORT", "/lifecycle/ready"), ("PUB_PORT", "/pub/ready")]
    ]
    try:
        wait_until(lambda: all(map(answers, urls)), what="forwarding")
        yield platform
    finally:
        forwarding.terminate()
        forwarding.communicate(timeout=10)


def answers(url):
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def log_in(platform):
    password = (platform.install / "secrets/ADMIN_PASSWORD").read_text()
    remote = f"http://127.0.0.1:{platform.environment['LIFECYCLE_PORT']}/lifecycle"
    platform.racetrack("set", "remote", remote)
    platform.racetrack("login", "--username=admin", stdin=password)


def test_everything_is_ready(platform):
    names = {
        pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in platform.pods().values()
    }

    assert names == {
        "postgres",
        "lifecycle",
        "lifecycle-supervisor",
        "image-builder",
        "pub",
        "dashboard",
    }
    assert platform.is_ready()


def test_people_log_in_with_the_generated_password(forwarded):
    log_in(forwarded)

    assert "python3-job-type" in forwarded.racetrack("plugin", "list")
    dashboard = f"http://127.0.0.1:{forwarded.environment['DASHBOARD_PORT']}/dashboard/"
    assert httpx.get(dashboard, timeout=10, follow_redirects=True).status_code == 200


def test_secrets_are_for_one_user_and_for_one_install(platform):
    files = sorted((platform.install / "secrets").iterdir())

    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
    assert oct(files[0].parent.stat().st_mode & 0o777) == "0o700"
    known = (ROOT / ".env").read_text()
    assert [path.name for path in files if path.read_text() in known] == []
    ignored = subprocess.run(["git", "check-ignore", "-q", files[0]], cwd=ROOT, check=False)
    assert ignored.returncode == 0


def test_rights_end_at_what_is_used(platform):
    def may(account, *request):
        subject = f"system:serviceaccount:{platform.namespace}:{account}"
        try:
            return platform.kubectl("auth", "can-i", *request, f"--as={subject}") == "yes"
        except RuntimeError:
            return False  # kubectl exits with 1 for `no`

    assert may("lifecycle", "create", "deployments")
    assert may("lifecycle", "get", "pods", "--subresource=log")
    for request in [
        ("get", "secrets"),
        ("list", "secrets"),
        ("create", "pods"),
        ("create", "pods", "--subresource=exec"),
        ("create", "rolebindings"),
        ("delete", "namespaces"),
        ("list", "nodes"),
    ]:
        assert not may("lifecycle", *request), request
    assert not may("without-access", "list", "pods")
    assert not may("lifecycle", "list", "pods", "--all-namespaces")


def test_only_who_needs_the_cluster_has_a_token(platform):
    token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    found = {
        name: "yes"
        in platform.kubectl(
            "exec",
            f"deployment/{name}",
            "--",
            "sh",
            "-c",
            f"test -e {token} && echo yes || echo no",
        )
        for name in ("lifecycle", "lifecycle-supervisor", "image-builder", "pub", "dashboard")
    }

    assert found == {
        "lifecycle": True,
        "lifecycle-supervisor": True,
        "image-builder": False,
        "pub": False,
        "dashboard": False,
    }


def test_a_second_time_changes_nothing(platform):
    before = sorted(platform.pods())

    platform.control("up")

    assert sorted(platform.pods()) == before


def test_deleted_pods_come_back(platform):
    before = set(platform.pods())

    platform.control("delete-pods")

    # A StatefulSet's pod keeps its name.
    assert set(platform.pods()) & before == {"postgres-0"}
    assert platform.is_ready()


def test_data_and_secrets_outlive_the_services_and_the_files_of_the_clone(platform, wait_until):
    def read():
        return {path.name: path.read_text() for path in (platform.install / "secrets").iterdir()}

    # Grafana has no Secret in the cluster without the component monitoring.
    before = {name: value for name, value in read().items() if name != "GRAFANA_PASSWORD"}
    count = "select count(*) from racetrack.registry_auditlogevent"
    query = [
        "exec",
        "postgres-0",
        "--",
        "psql",
        "--username=racetrack",
        "--tuples-only",
        "-c",
        count,
    ]
    events = int(platform.kubectl(*query))
    assert events > 0, "logging in is an event"

    platform.control("down")
    assert platform.pods() == {}
    shutil.rmtree(platform.install)
    platform.control("up")

    assert read().items() >= before.items()
    assert int(platform.kubectl(*query)) >= events


def test_a_namespace_of_others_is_left_alone(platform):
    platform.cluster.kubectl("create", "namespace", "racetrack-test-foreign")
    foreign = platform.environment | {"KUBE_NAMESPACE": "racetrack-test-foreign"}
    try:
        for command, words in [
            ("up", "it is not Racetrack's. Choose another: KUBE_NAMESPACE"),
            ("down", "was not set up by this clone"),
            ("clear", "was not set up by this clone"),
        ]:
            done = type(platform)(platform.cluster, foreign).control(command, check=False)
            assert done.returncode == 1
            assert words in done.stderr
    finally:
        platform.cluster.kubectl("delete", "namespace", "racetrack-test-foreign")
    assert not Path(ROOT / "build/kubernetes/racetrack-test-foreign").exists()


@pytest.mark.parametrize("shape", ["kind", "ingress"])
def test_the_api_server_takes_the_other_shapes(cluster, tmp_path, shape):
    base = os.path.relpath(ROOT / "kustomize", tmp_path.resolve())
    components = ["buildkit", "monitoring", "several-nodes", "autoscaling", "release-1.20"]
    if shape == "ingress":
        components.append("monitoring-ingress")
    content = {
        "namespace": "racetrack-test-shapes",
        "resources": [f"{base}/{shape}"],
        "components": [f"{base}/components/{name}" for name in components],
    }
    (tmp_path / "kustomization.yaml").write_text(json.dumps(content))
    command = [ROOT / "venv/bin/kubectl", "kustomize", tmp_path]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    objects = tmp_path / "objects.yaml"
    objects.write_text(rendered)
    cluster.kubectl("create", "namespace", "racetrack-test-shapes")
    try:
        options = ("--server-side", "--force-conflicts", "--dry-run=server")
        answer = cluster.kubectl("apply", *options, f"--filename={objects}")
    finally:
        cluster.kubectl("delete", "namespace", "racetrack-test-shapes")

    assert len(answer.splitlines()) == len(re.findall(r"^kind: ", rendered, re.MULTILINE))
