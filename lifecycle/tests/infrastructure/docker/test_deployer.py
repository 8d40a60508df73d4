import dataclasses
import json
import threading

import pytest
from lifecycle.deployer.instances import ImageGone, InstanceNotStarted
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.docker.deployer import DockerDeployer
from lifecycle.infrastructure.docker.engine_client import DockerEngine
from lifecycle.infrastructure.docker.engine_connection import EngineConnection, EngineUnavailable
from lifecycle.infrastructure.docker.identity import make_platform_labels
from lifecycle.infrastructure.docker.plan import make_plans
from lifecycle.testing.deployer_contract import (
    NAME,
    TIMESTAMP,
    VERSION,
    DeployerHarness,
    InstanceDeployerContract,
    a_contract_manifest,
    wait_for_crash,
)
from lifecycle.testing.tiny_job import run_docker
from racetrack_client.docker_labels import DockerLabel
from racetrack_commons.clock import Clock
from racetrack_commons.testing.serving import wait_until

pytestmark = pytest.mark.docker

CONTAINER_NAME = f"job-{NAME}-v-0-0-1"


class DockerHarness(DeployerHarness):
    def __init__(self, deployer, make_spec, ask):
        self.deployer = deployer
        self.make_spec = make_spec
        self.ask = ask

    def a_spec(self, manifest):
        return self.make_spec(manifest=manifest)

    def a_broken_spec(self, manifest):
        return self.make_spec(manifest=manifest, end_with=3)

    def find_timestamp(self, address):
        answer = self.ask(address)
        return answer["deployment_timestamp"] if answer else None


class TestDockerDeployer(InstanceDeployerContract):
    @pytest.fixture
    def harness(self, deployer, make_spec, ask):
        return DockerHarness(deployer, make_spec, ask)


def inspect(deployer, instance):
    """Inspect the containers of an instance."""
    wanted = {DockerLabel.INSTANCE: instance.instance_id}
    return [deployer.engine.find_container(each.id) for each in deployer.list_containers(wanted)]


def variables_of(container):
    return variables_in(container["Config"]["Env"])


def variables_in(texts):
    return dict(text.split("=", 1) for text in texts)


def create_by_hand(deployer, spec, port):
    """Create the container of an instance as a service does that is killed right afterwards."""
    of_platform = make_platform_labels(deployer.config.platform_name)
    deployer.engine.ensure_network(deployer.config.docker_network, of_platform)
    (plan,) = make_plans(spec, deployer.config, spec.image_names)
    return deployer.engine.create_container(plan.name, plan.published_at("127.0.0.1", port))


def names_of(deployer):
    ids = [container.id for container in deployer.list_containers({})]
    return {deployer.engine.find_container(each)["Name"].strip("/") for each in ids}


def test_a_container_has_its_limits_and_no_rights_that_it_does_not_need(deployer, make_spec):
    resources = {"memory_min": "32Mi", "memory_max": "64Mi", "cpu_min": "250m", "cpu_max": "500m"}
    instance = deployer.start_instance(make_spec(manifest=a_contract_manifest(resources=resources)))

    (container,) = inspect(deployer, instance)
    host = container["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (64 * 2**20, 64 * 2**20)
    assert host["MemoryReservation"] == 32 * 2**20
    assert (host["NanoCpus"], host["CpuShares"]) == (500_000_000, 256)
    assert host["ShmSize"] == 64 * 2**20
    assert container["Config"]["User"] == "65534"
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert "NET_RAW" in host["CapDrop"]
    assert host["Privileged"] is False
    assert host["ExtraHosts"] == ["host.docker.internal:host-gateway"]
    assert host["LogConfig"] == {
        "Type": "json-file",
        "Config": {"max-size": "20m", "max-file": "3"},
    }


def test_the_environment_is_what_the_contract_says_and_secrets_are_nowhere_else(
    deployer, make_spec, docker_config, tiny_image
):
    spec = make_spec(colour="blue")
    spec = dataclasses.replace(
        spec,
        secret_runtime_env={"PASSWORD": 'tu"$(li)p'},
        family_token="a-token",
        instance_secret="known-to-both",
        plugin_env={"OF_PLUGIN": "1"},
    )
    instance = deployer.start_instance(spec)
    (container,) = inspect(deployer, instance)

    of_image = run_docker("image", "inspect", "--format={{json .Config.Env}}", tiny_image)
    variables = dict(variables_of(container).items() - variables_in(json.loads(of_image)).items())
    assert variables == {
        "COLOUR": "blue",
        "PASSWORD": 'tu"$(li)p',
        "PUB_URL": "http://pub/pub",
        "JOB_NAME": NAME,
        "JOB_VERSION": VERSION,
        "AUTH_TOKEN": "a-token",
        "JOB_DEPLOYMENT_TIMESTAMP": str(TIMESTAMP),
        "RACETRACK_INSTANCE_ID": spec.instance_id,
        "RACETRACK_INSTANCE_SECRET": "known-to-both",
        "RACETRACK_PORT": instance.internal_name.rpartition(":")[2],
        "REQUEST_TRACING_HEADER": "X-Request-Tracing-Id",
        "OF_PLUGIN": "1",
    }
    assert "tu" not in str([container["Args"], container["Config"]["Cmd"], container["Path"]])
    assert container["Config"]["Labels"] | {"racetrack-address": ""} == {
        "racetrack-component": "job",
        "racetrack-platform": docker_config.platform_name,
        "racetrack-instance": spec.instance_id,
        "racetrack-replica": "0",
        "racetrack-container": "0",
        "racetrack-instance-size": "1",
        "racetrack-address": "",
        "job-name": NAME,
        "job-version": VERSION,
    }


def test_variables_of_the_platform_are_not_the_users(deployer, make_spec):
    with pytest.raises(InstanceNotStarted, match="AUTH_TOKEN, JOB_NAME"):
        deployer.start_instance(make_spec(job_name="x", auth_token="y"))
    assert deployer.list_instances() == []


def test_more_cpus_than_the_machine_has_are_no_obstacle(deployer, make_spec):
    manifest = a_contract_manifest(resources={"cpu_max": "999"})

    (container,) = inspect(deployer, deployer.start_instance(make_spec(manifest=manifest)))

    assert container["HostConfig"]["NanoCpus"] == deployer.engine.count_cpus() * 10**9


def test_what_the_engine_refuses_is_told(deployer, make_spec):
    manifest = a_contract_manifest(resources={"memory_max": "1Mi"})

    with pytest.raises(InstanceNotStarted, match="Minimum memory limit allowed is 6MB"):
        deployer.start_instance(make_spec(manifest=manifest))


def test_the_newest_instance_has_the_name_that_people_look_for(deployer, make_spec):
    old = deployer.start_instance(make_spec())
    assert names_of(deployer) == {CONTAINER_NAME}

    new = deployer.start_instance(make_spec(manifest=a_contract_manifest(replicas=2)))

    assert names_of(deployer) == {
        CONTAINER_NAME,
        f"{CONTAINER_NAME}-r1",
        f"{CONTAINER_NAME}-{old.instance_id[:8]}",
    }
    first, _ = inspect(deployer, new)
    assert first["Name"] == f"/{CONTAINER_NAME}"


def test_replicas_and_containers_find_each_other_by_names_of_their_own(
    docker_config, deployer, make_spec
):
    docker_config.docker_publish_host = None
    instance = deployer.start_instance(
        make_spec(images=2, manifest=a_contract_manifest(replicas=2))
    )

    alias = f"{CONTAINER_NAME}-{instance.instance_id[:8]}"
    assert instance.replica_internal_names == [f"{alias}:7000", f"{alias}-r1:7000"]
    assert names_of(deployer) == {CONTAINER_NAME + suffix for suffix in ("", "-1", "-r1", "-r1-1")}
    containers = inspect(deployer, instance)
    hostnames = [variables_of(each)["JOB_USER_MODULE_HOSTNAME"] for each in containers]
    assert hostnames == [f"{alias}-1"] * 2 + [f"{alias}-r1-1"] * 2
    assert not any(each["HostConfig"]["PortBindings"] for each in containers)
    script = "import socket, sys; print(*map(socket.gethostbyname, sys.argv[1:]))"
    names = [alias, f"{alias}-1", f"{alias}-r1", f"{alias}-r1-1"]
    found = run_docker("exec", containers[0]["Id"], "python", "-c", script, *names)
    addresses = [
        each["NetworkSettings"]["Networks"][docker_config.docker_network]["IPAddress"]
        for each in containers
    ]
    assert found.split() == addresses


def test_the_name_of_a_strangers_container_is_left_to_it(deployer, make_spec, tiny_image):
    stranger = run_docker("create", f"--name={CONTAINER_NAME}", tiny_image)
    try:
        instance = deployer.start_instance(make_spec())
        (container,) = inspect(deployer, instance)
        assert container["Name"] == f"/{CONTAINER_NAME}-{instance.instance_id[:8]}"
        assert run_docker("inspect", "--format={{.Name}}", stranger) == f"/{CONTAINER_NAME}"
    finally:
        run_docker("rm", stranger)


def test_two_services_that_start_the_same_instance_get_the_same_container(
    docker_config, deployer, make_spec, unit_of_work
):
    spec = make_spec()
    deployer.start_instance(make_spec())  # An older one, whose name both want.
    connections = [EngineConnection(docker_config.docker_host) for _ in range(4)]
    both_ready, started = threading.Barrier(len(connections)), []

    def start(connection):
        engine = DockerEngine(connection, Clock(), 0)
        service = DockerDeployer(
            docker_config, unit_of_work, SecretBox(docker_config.secret_key), engine, Clock()
        )
        both_ready.wait()
        started.append(service.start_instance(spec))

    threads = [threading.Thread(target=start, args=(each,)) for each in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in connections:
        connection.close()

    assert len(started) == len(connections)
    assert all(instance == started[0] for instance in started)
    assert len(inspect(deployer, started[0])) == 1


def test_a_container_that_was_created_and_not_started_is_started(deployer, make_spec, ask):
    spec = make_spec()
    created = create_by_hand(deployer, spec, port=28500)

    instance = deployer.start_instance(spec)

    assert [each["Id"] for each in inspect(deployer, instance)] == [created]
    wait_until(lambda: ask("127.0.0.1:28500"))


def test_a_port_that_was_taken_before_the_start_is_exchanged(deployer, make_spec, ask, tiny_image):
    spec = make_spec()
    create_by_hand(deployer, spec, port=28501)
    stranger = run_docker("run", "-d", "--publish=127.0.0.1:28501:1", tiny_image)
    try:
        instance = deployer.start_instance(spec)
        assert instance.internal_name != "127.0.0.1:28501"
        wait_until(lambda: ask(instance.internal_name))
        assert len(inspect(deployer, instance)) == 1
    finally:
        run_docker("rm", "--force", stranger)


def test_a_container_that_ignores_sigterm_is_killed(deployer, make_spec, ask):
    instance = deployer.start_instance(make_spec(deaf=1))
    wait_until(lambda: ask(instance.internal_name))

    deployer.stop_instance(instance.instance_id, grace_seconds=1)

    assert ask(instance.internal_name) is None
    assert inspect(deployer, instance) == []


def test_a_job_over_its_memory_limit_is_told_so(deployer, make_spec, ask):
    manifest = a_contract_manifest(resources={"memory_max": "64Mi"})
    instance = deployer.start_instance(make_spec(manifest=manifest))
    wait_until(lambda: ask(instance.internal_name))

    ask(instance.internal_name, "/eat?200000000")

    crash = wait_for_crash(deployer, instance.instance_id)
    assert "more memory than it may (out of memory: limit 64.0 MiB)" in crash
    assert "raise resources.memory_max" in crash


def test_a_job_that_ends_at_once_is_told_with_its_exit_code_and_last_words(deployer, make_spec):
    instance = deployer.start_instance(make_spec(end_with=3))

    crash = wait_for_crash(deployer, instance.instance_id)

    assert crash == "the job ended by itself (exit code 3). Its last log lines:\nmodel is missing"


def test_an_instance_that_is_kept_is_started_again_by_the_engine(deployer, make_spec, ask):
    instance = deployer.start_instance(make_spec())
    (container,) = inspect(deployer, instance)
    assert container["HostConfig"]["RestartPolicy"]["Name"] == "no"
    for _ in range(2):
        deployer.keep_instance(instance.instance_id)
    wait_until(lambda: ask(instance.internal_name))

    ask(instance.internal_name, "/end?3")

    wait_until(lambda: inspect(deployer, instance)[0]["RestartCount"] == 1)
    wait_until(lambda: ask(instance.internal_name))


def test_a_container_that_was_removed_counts_as_a_crash(deployer, make_spec):
    instance = deployer.start_instance(make_spec(manifest=a_contract_manifest(replicas=2)))
    deployer.engine.remove_container(inspect(deployer, instance)[0]["Id"])

    assert "was removed" in wait_for_crash(deployer, instance.instance_id)


def test_an_image_that_is_gone_says_what_to_do(deployer, make_spec):
    spec = dataclasses.replace(make_spec(), image_names=["job-entrypoint/gone:1"])

    with pytest.raises(ImageGone, match="redeploy the job to build it again"):
        deployer.start_instance(spec)


def test_an_image_is_pulled_when_a_registry_is_configured(
    deployer, docker_config, make_spec, tiny_image, ask
):
    server = run_docker("run", "-d", "--publish=127.0.0.1::5000", "registry:2")
    registry = run_docker("port", server, "5000/tcp")
    image = f"{registry}/racetrack/job-entrypoint/{NAME}:1"
    try:
        run_docker("tag", tiny_image, image)
        wait_until(lambda: ask(registry, "/v2/") is not None)
        run_docker("push", "--quiet", image)
        run_docker("rmi", image)
        docker_config.docker_registry = registry
        spec = dataclasses.replace(make_spec(), image_names=[])

        instance = deployer.start_instance(spec)

        wait_until(lambda: ask(instance.internal_name))
        gone = dataclasses.replace(make_spec(), image_tag="2", image_names=[])
        with pytest.raises(ImageGone, match=f"image {registry}.* can't be pulled"):
            deployer.start_instance(gone)
        deployer.delete_job(NAME, VERSION)
    finally:
        run_docker("rm", "--force", "--volumes", server)
        run_docker("rmi", "--force", image)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_does_not_answer_is_another_matter_than_a_job_that_is_gone(
    deployer, make_spec, connection_to_no_engine
):
    engine = DockerEngine(connection_to_no_engine, Clock(), wait_seconds=0)
    away = DockerDeployer(deployer.config, deployer.uow, deployer.secrets, engine, Clock())

    for action in (
        lambda: away.start_instance(make_spec()),
        lambda: away.check_instance("x"),
        lambda: away.stop_instance("x", 1),
        away.list_instances,
    ):
        with pytest.raises(EngineUnavailable, match="does not answer"):
            action()
