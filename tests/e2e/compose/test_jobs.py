"""What the engine knows of a job's containers: limits, user, variables, and no secret where others can read it."""

import json

import pytest
from stacks.compose import docker

pytestmark = pytest.mark.docker

MEBI = 1024 * 1024
CODE = "class Job:\n    def perform(self, x: int = 1):\n        return x\n"
FROM_THE_PLATFORM = {
    "AUTH_TOKEN",
    "JOB_DEPLOYMENT_TIMESTAMP",
    "JOB_GRACE_SECONDS",
    "JOB_NAME",
    "JOB_VERSION",
    "PUB_URL",
    "RACETRACK_INSTANCE_ID",
    "RACETRACK_INSTANCE_SECRET",
    "REQUEST_TRACING_HEADER",
}
FROM_THE_IMAGE = {
    "DEPLOYED_BY_RACETRACK_VERSION",
    "GIT_VERSION",
    "JOB_TYPE_VERSION",
    "VIRTUAL_ENV",
}
CEILINGS = {
    "ARROW_DEFAULT_MEMORY_POOL",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
}
"""What libraries may take where the manifest limits CPUs."""


@pytest.fixture
def secretive(compose_stack, job_directory):
    """A job with limits, variables and secrets of both kinds."""
    directory = job_directory(
        "secretive",
        CODE,
        resources={"memory_max": "300Mi", "cpu_max": "1500m"},
        runtime_env={"PUBLIC": "lily"},
        secret_build_env_file="build.env",
        secret_runtime_env_file="runtime.env",
    )
    (directory / "build.env").write_text("BUILD_PASSWORD=tulip-build-secret\n")
    (directory / "runtime.env").write_text("PASSWORD=rose-runtime-secret\n")
    compose_stack.racetrack("deploy", str(directory), "--build-context", "local", "--force")
    # Those of an earlier test may still be draining.
    return max(compose_stack.job_containers("secretive"), key=lambda found: found["Created"])


def variables_of(described):
    return dict(variable.split("=", 1) for variable in described["Config"]["Env"])


def test_a_job_runs_within_its_limits_and_without_privileges(secretive):
    host = secretive["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 300 * MEBI
    assert host["NanoCpus"] == 1_500_000_000
    assert not host["Privileged"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["RestartPolicy"]["Name"] == "always"
    assert host["PortBindings"] in ({}, None)
    assert secretive["Config"]["User"].partition(":")[0] not in ("", "0", "root")


def test_its_variables_are_those_of_the_contract(secretive):
    base = docker("image", "inspect", "--format", "{{json .Config.Env}}", "python:3.13-slim-trixie")
    found = variables_of(secretive)
    of_the_user = {"PUBLIC": "lily", "PASSWORD": "rose-runtime-secret"}
    assert {name: found[name] for name in of_the_user} == of_the_user
    known = (
        FROM_THE_PLATFORM
        | FROM_THE_IMAGE
        | CEILINGS
        | {variable.partition("=")[0] for variable in json.loads(base)}
        | set(of_the_user)
    )
    assert {name for name, value in found.items() if value} - known == set()
    assert set(found) >= FROM_THE_PLATFORM


def test_its_secrets_are_in_no_argument_and_no_layer(secretive):
    arguments = str(secretive["Args"]) + str(secretive["Config"]["Cmd"])
    image = secretive["Config"]["Image"]
    layers = docker("history", "--no-trunc", image) + docker("image", "inspect", image)
    for secret in (
        "tulip-build-secret",
        "rose-runtime-secret",
        variables_of(secretive)["AUTH_TOKEN"],
    ):
        assert secret not in arguments
        assert secret not in layers


def test_a_job_does_not_reach_the_database(compose_stack, secretive):
    probe = "import socket; socket.create_connection(('postgres', 5432), 3)"
    container = secretive["Id"]
    with pytest.raises(AssertionError, match="Name or service not known"):
        docker("exec", container, "python", "-c", probe)
    reached = "import socket; socket.create_connection(('pub', 7105), 3); print('reached')"
    assert docker("exec", container, "python", "-c", reached).strip() == "reached"


def test_a_job_over_its_memory_limit_is_told_so(compose_stack, job_directory):
    code = CODE.replace(
        "    def perform",
        "    def __init__(self):\n        self.hog = [bytearray(50_000_000) for _ in range(20)]\n    def perform",
    )
    directory = job_directory("hungry", code, resources={"memory_max": "150Mi"})
    done = compose_stack.racetrack(
        "deploy", str(directory), "--build-context", "local", check=False
    )
    assert done.returncode == 70
    assert "out of memory" in done.stderr
    assert "resources.memory_max" in done.stderr
    assert compose_stack.job_containers("hungry") == []


def test_replicas_are_containers_of_their_own(compose_stack, job_directory):
    directory = job_directory(
        "doubled",
        "import socket\nclass Job:\n    def perform(self):\n        return socket.gethostname()\n",
        replicas=2,
    )
    compose_stack.racetrack("deploy", str(directory), "--build-context", "local", "--force")
    assert len(compose_stack.job_containers("doubled")) == 2
    answers = {compose_stack.call("doubled/latest/api/v1/perform", {}).json() for _ in range(30)}
    assert len(answers) == 2
