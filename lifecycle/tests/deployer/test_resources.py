import pytest
from lifecycle.config import Config
from lifecycle.deployer.instances import InstanceNotStarted
from lifecycle.deployer.resources import compute_resources, make_thread_ceilings
from racetrack_client.utils.quantity import Quantity
from racetrack_commons.testing.builders import a_manifest


def resolve(**resources):
    return compute_resources(a_manifest(resources=resources), Config())


def test_a_job_that_asks_for_nothing_gets_the_defaults():
    resources = compute_resources(a_manifest(), Config())

    assert (resources.memory_min, resources.memory_max) == (Quantity("256Mi"), Quantity("1Gi"))
    assert (resources.cpu_min, resources.cpu_max) == (Quantity("10m"), Quantity("1000m"))


def test_a_default_gives_way_to_what_the_manifest_says():
    assert resolve(memory_min="2Gi").memory_max == Quantity("2Gi")
    assert resolve(memory_max="64Mi").memory_min == Quantity("64Mi")
    assert resolve(cpu_min="2").cpu_max == Quantity("2")
    assert resolve(cpu_max="5m").cpu_min == Quantity("5m")


def test_a_quarter_of_the_memory_limit_is_promised_at_least():
    assert resolve(memory_min="256Mi", memory_max="4Gi").memory_min == Quantity("1Gi")
    assert resolve(memory_min="2Gi", memory_max="4Gi").memory_min == Quantity("2Gi")


def test_shared_memory_is_half_of_the_memory_unless_the_manifest_says():
    assert compute_resources(a_manifest(), Config()).shm_size == Quantity("512Mi")
    assert resolve(memory_max="96Mi").shm_size == Quantity("64Mi")
    assert resolve(shm_size="800Mi").shm_size == Quantity("800Mi")


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"shm_size": "2Gi"}, "shm_size 2Gi is more than resources.memory_max 1Gi"),
        ({"memory_max": "64Gi"}, "memory_max 64Gi is more than this platform allows: 8Gi"),
        ({"memory_min": "0"}, "memory_min must be more than 0"),
        ({"cpu_min": "0"}, "cpu_min must be more than 0"),
    ],
)
def test_nonsense_and_too_much_are_refused(resources, message):
    with pytest.raises(InstanceNotStarted, match=message):
        resolve(**resources)


@pytest.mark.parametrize(("cpu_max", "threads"), [("500m", "1"), ("2", "2"), ("2500m", "3")])
def test_libraries_may_start_as_many_threads_as_the_job_has_cpus(cpu_max, threads):
    ceilings = make_thread_ceilings(a_manifest(resources={"cpu_max": cpu_max}))

    assert ceilings == {
        "OPENBLAS_NUM_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "NUMEXPR_NUM_THREADS": threads,
        "POLARS_MAX_THREADS": threads,
        "RAYON_NUM_THREADS": threads,
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def test_a_job_without_a_limit_of_cpus_has_no_ceilings():
    assert make_thread_ceilings(a_manifest()) == {}
    assert make_thread_ceilings(a_manifest(resources={"memory_max": "2Gi"})) == {}
