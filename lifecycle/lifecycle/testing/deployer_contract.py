"""The contract of deployers that hold instances side by side, as tests that fake and real ones pass."""

from abc import ABC, abstractmethod
from typing import Any
from uuid import uuid4

import pytest
from racetrack_client.entities import Credentials
from racetrack_client.log.errors import EntityNotFound
from racetrack_client.manifest import Manifest
from racetrack_commons.testing.builders import a_manifest
from racetrack_commons.testing.serving import wait_until

from lifecycle.deployer.instances import InstanceDeployer, JobCrashed
from lifecycle.domain.instance import Instance, InstanceSpec
from lifecycle.domain.secrets import JobSecrets

TIMESTAMP = 1_770_000_000
NAME, VERSION = f"contract-{uuid4().hex[:8]}", "0.0.1"
"""The name is random because names of containers are unique on an engine, which other test runs may use."""


class DeployerHarness(ABC):
    """A deployer under test, with instances that it can start."""

    deployer: InstanceDeployer

    @abstractmethod
    def a_spec(self, manifest: Manifest) -> InstanceSpec:
        """Return the spec of an instance that serves, with a new id and with `TIMESTAMP`."""

    @abstractmethod
    def a_broken_spec(self, manifest: Manifest) -> InstanceSpec:
        """Return the spec of an instance that logs `model is missing` and ends at once."""

    @abstractmethod
    def find_timestamp(self, address: str) -> int | None:
        """Return the timestamp that the job at `address` tells in `/live`; None when no job answers there."""


class InstanceDeployerContract:
    """The tests of the contract; a test file collects them in a subclass with the fixture `harness`."""

    def test_a_started_instance_answers_as_the_deployment_that_made_it(
        self, harness: DeployerHarness
    ) -> None:
        spec = harness.a_spec(a_contract_manifest())
        instance = harness.deployer.start_instance(spec)

        wait_until(lambda: harness.find_timestamp(instance.internal_name) == TIMESTAMP)

        assert instance.instance_id == spec.instance_id
        assert (instance.job_name, instance.job_version) == (NAME, VERSION)
        harness.deployer.check_instance(spec.instance_id)
        assert harness.deployer.has_instance(spec.instance_id)

    def test_starting_again_adopts_what_runs(self, harness: DeployerHarness) -> None:
        spec = harness.a_spec(a_contract_manifest())
        first = harness.deployer.start_instance(spec)

        assert harness.deployer.start_instance(spec) == first
        assert harness.deployer.list_instances() == [first]

    def test_each_replica_of_each_instance_has_an_address_of_its_own(
        self, harness: DeployerHarness
    ) -> None:
        one = harness.deployer.start_instance(harness.a_spec(a_contract_manifest(replicas=2)))
        two = harness.deployer.start_instance(harness.a_spec(a_contract_manifest()))

        assert one.internal_name == one.replica_internal_names[0]
        addresses = {*one.replica_internal_names, *two.replica_internal_names}
        assert len(addresses) == 3
        for address in addresses:
            wait_until(lambda address=address: harness.find_timestamp(address))  # type: ignore[misc]
        assert by_id(harness.deployer.list_instances()) == by_id([one, two])

    def test_a_stopped_instance_is_gone_and_the_other_one_serves(
        self, harness: DeployerHarness
    ) -> None:
        old, new = (
            harness.deployer.start_instance(harness.a_spec(a_contract_manifest())) for _ in range(2)
        )
        wait_until(lambda: harness.find_timestamp(old.internal_name))

        for _ in range(2):
            harness.deployer.stop_instance(old.instance_id, grace_seconds=5)

        assert harness.find_timestamp(old.internal_name) is None
        assert not harness.deployer.has_instance(old.instance_id)
        wait_until(lambda: harness.find_timestamp(new.internal_name))
        assert harness.deployer.list_instances() == [new]

    def test_an_instance_that_is_asked_to_end_does_so_and_is_not_brought_back(
        self, harness: DeployerHarness
    ) -> None:
        instance = harness.deployer.start_instance(harness.a_spec(a_contract_manifest()))
        wait_until(lambda: harness.find_timestamp(instance.internal_name))
        harness.deployer.keep_instance(instance.instance_id)

        for _ in range(2):
            harness.deployer.ask_to_end(instance.instance_id)

        wait_until(lambda: harness.deployer.has_ended(instance.instance_id))
        harness.deployer.ask_to_end(instance.instance_id)
        harness.deployer.stop_instance(instance.instance_id, grace_seconds=5)
        assert harness.deployer.has_ended(instance.instance_id)
        assert not harness.deployer.has_instance(instance.instance_id)

    def test_an_instance_that_ends_by_itself_is_told_with_its_last_words(
        self, harness: DeployerHarness
    ) -> None:
        instance = harness.deployer.start_instance(harness.a_broken_spec(a_contract_manifest()))

        assert "model is missing" in wait_for_crash(harness.deployer, instance.instance_id)

    def test_an_instance_that_is_not_there_counts_as_crashed(
        self, harness: DeployerHarness
    ) -> None:
        with pytest.raises(JobCrashed):
            harness.deployer.check_instance(str(uuid4()))
        harness.deployer.stop_instance(str(uuid4()), grace_seconds=5)

    def test_secrets_are_kept_until_the_job_is_deleted(self, harness: DeployerHarness) -> None:
        with pytest.raises(EntityNotFound):
            harness.deployer.get_job_secrets(NAME, VERSION)
        for password in ("tulip", "rose"):
            secrets = JobSecrets(Credentials(username="me", password=password), {"A": "1"}, {})
            harness.deployer.save_job_secrets(NAME, VERSION, secrets)
        assert harness.deployer.get_job_secrets(NAME, VERSION) == secrets

        harness.deployer.delete_job(NAME, VERSION)

        with pytest.raises(EntityNotFound):
            harness.deployer.get_job_secrets(NAME, VERSION)

    def test_all_instances_of_a_deleted_job_are_stopped(self, harness: DeployerHarness) -> None:
        for _ in range(2):
            harness.deployer.start_instance(harness.a_spec(a_contract_manifest()))
        other = harness.deployer.start_instance(
            harness.a_spec(a_contract_manifest(version="0.0.2"))
        )
        assert harness.deployer.job_exists(NAME, VERSION)

        harness.deployer.delete_job(NAME, VERSION)

        assert not harness.deployer.job_exists(NAME, VERSION)
        assert harness.deployer.list_instances() == [other]


def a_contract_manifest(**values: Any) -> Manifest:
    """Make the manifest of the job that the contract is about."""
    return a_manifest(**{"name": NAME, "version": VERSION} | values)


def wait_for_crash(deployer: InstanceDeployer, instance_id: str) -> str:
    """Wait until an instance has ended; return the message of its JobCrashed."""
    told: list[str] = []

    def is_crashed() -> bool:
        try:
            deployer.check_instance(instance_id)
        except JobCrashed as error:
            told.append(str(error))
        return bool(told)

    wait_until(is_crashed)
    return told[0]


def by_id(instances: list[Instance]) -> dict[str, Instance]:
    """Return the instances by their ids, so that their order does not matter."""
    return {instance.instance_id: instance for instance in instances}
