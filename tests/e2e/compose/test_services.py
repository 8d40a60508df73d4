"""What compose makes of the services: who may do what, and who comes back."""

import subprocess

import httpx
import pytest
from stacks.compose import docker

pytestmark = pytest.mark.docker

SERVICES = ("lifecycle", "lifecycle-supervisor", "image-builder", "pub", "dashboard")


def test_all_services_are_healthy_and_the_migration_ended(compose_stack):
    for service in (*SERVICES, "postgres"):
        assert compose_stack.service(service)["State"]["Health"]["Status"] == "healthy"
    assert compose_stack.service("migrate")["State"]["ExitCode"] == 0


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_no_privileges(compose_stack, service):
    container = compose_stack.service(service)
    assert container["Config"]["User"] == "100000:100000"
    host = container["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert not host["Privileged"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]


def test_ports_are_open_to_this_machine_only(compose_stack):
    for service in (*SERVICES, "postgres"):
        bindings = compose_stack.service(service)["HostConfig"]["PortBindings"].values()
        assert {each["HostIp"] for binding in bindings for each in binding} == {"127.0.0.1"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_service_comes_back(compose_stack, wait_until, service):
    restarts = compose_stack.service(service)["RestartCount"]
    compose_stack.kill(service)

    def is_back():
        container = compose_stack.service(service)
        return (
            container["RestartCount"] > restarts
            and container["State"]["Health"]["Status"] == "healthy"
        )

    wait_until(is_back, what=f"{service}'s return")


@pytest.mark.parametrize("service", ["lifecycle", "image-builder", "pub"])
def test_a_service_refuses_the_published_secrets_outside_development(compose_stack, service):
    image = compose_stack.service(service)["Config"]["Image"]
    known = {
        "AUTH_KEY": "QaPU2UW8r7KXfRtLJVCKahCK93TKhVB5",
        "SECRET_KEY": "dev",
        "LIFECYCLE_AUTH_TOKEN": "changeme",
    }
    variables = [f"--env={name}={value}" for name, value in known.items()]
    done = subprocess.run(
        ["docker", "run", "--rm", "--network=none", *variables, image],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "is a default that everybody knows" in done.stderr
    assert known["AUTH_KEY"] not in done.stderr


def test_images_hold_no_secret(compose_stack):
    secrets = ["QaPU2UW8r7KXfRtLJVCKahCK93TKhVB5", "dev-25ZjbUDJH6MzmUR", compose_stack.admin_token]
    for service in SERVICES:
        image = compose_stack.service(service)["Config"]["Image"]
        layers = docker("history", "--no-trunc", image) + docker("image", "inspect", image)
        assert not [secret for secret in secrets if secret in layers]


def test_the_probes_answer_from_outside(compose_stack):
    for name in (
        "LIFECYCLE_PORT",
        "DASHBOARD_PORT",
        "PUB_PORT",
        "SUPERVISOR_PORT",
        "IMAGE_BUILDER_PORT",
    ):
        url = f"http://127.0.0.1:{compose_stack.environment[name]}"
        assert [
            httpx.get(f"{url}/{probe}", timeout=10).status_code
            for probe in ("live", "ready", "health", "metrics")
        ] == [200] * 4
