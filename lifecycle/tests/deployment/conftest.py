import pytest
from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.worker import WorkerSettings
from lifecycle.testing.platform import Platform, add_deployer
from racetrack_commons.clock import Clock
from racetrack_commons.testing.clock import FakeClock

LEASE_SECONDS = 15
DRAIN_SECONDS = 10


@pytest.fixture
def make_platform(unit_of_work: UnitOfWorkFactory, config: Config, clock: FakeClock):
    """Makes platforms; `clock` and settings of the worker differ from the usual ones where a test says so."""
    config.drain_seconds, config.lease_seconds = DRAIN_SECONDS, LEASE_SECONDS
    deployer = add_deployer(unit_of_work)

    def make(clock: Clock = clock, **worker: float) -> Platform:
        settings = WorkerSettings(**{"lease_seconds": LEASE_SECONDS, **worker})
        return Platform(config, unit_of_work, deployer, settings, clock)

    return make


@pytest.fixture
def platform(make_platform) -> Platform:
    return make_platform()
