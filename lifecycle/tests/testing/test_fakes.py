from uuid import uuid4

import httpx
import pytest
from lifecycle.domain.instance import InstanceSpec
from lifecycle.testing.deployer_contract import TIMESTAMP, DeployerHarness, InstanceDeployerContract
from lifecycle.testing.fakes import FakeInstances


class FakeHarness(DeployerHarness):
    def __init__(self):
        self.deployer = FakeInstances()

    def a_spec(self, manifest):
        return InstanceSpec(str(uuid4()), manifest, "tag", [], TIMESTAMP)

    def a_broken_spec(self, manifest):
        self.deployer.crash_message = "exit code 3: model is missing"
        return self.a_spec(manifest)

    def find_timestamp(self, address):
        try:
            answer = self.deployer.answer(httpx.Request("GET", f"http://{address}/live"))
        except httpx.ConnectError:
            return None
        return answer.json()["deployment_timestamp"]


class TestFakeInstances(InstanceDeployerContract):
    @pytest.fixture
    def harness(self):
        return FakeHarness()
