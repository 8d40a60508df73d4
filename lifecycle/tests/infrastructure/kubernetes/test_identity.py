import re
from uuid import uuid4

import pytest
from lifecycle.infrastructure.kubernetes.identity import (
    ReplicaIdentity,
    find_identity,
    make_platform_labels,
)

DNS_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?")
LONG = "model-" * 30


def a_replica(name="adder", version="1.0.0", replica=0, instance_id=None):
    return ReplicaIdentity(name, version, instance_id or str(uuid4()), replica, replica + 1)


@pytest.mark.parametrize("name", ["adder", "3d", LONG + "a", "a" * 42])
@pytest.mark.parametrize("version", ["1.0.0", "1.0.0-RC1", "1.0.0+build.7"])
@pytest.mark.parametrize("replica", [0, 49])
def test_names_and_labels_fit_into_what_the_cluster_allows(name, version, replica):
    identity = a_replica(name, version, replica)

    assert len(identity.object_name) <= 63
    assert DNS_LABEL.fullmatch(identity.object_name)
    for value in identity.make_labels("my platform").values():
        assert len(value) <= 63
        assert LABEL_VALUE.fullmatch(value)


def test_a_short_name_is_readable():
    identity = a_replica(instance_id="12345678-90", replica=1)

    assert identity.object_name == "job-adder-v-1-0-0-12345678-r1"


def test_long_names_that_differ_only_at_their_end_stay_different():
    one, two = (a_replica(LONG + end, instance_id="12345678") for end in "ab")

    assert one.object_name != two.object_name
    assert one.make_labels("p")["racetrack/job-name"] != two.make_labels("p")["racetrack/job-name"]
    assert make_platform_labels("a b") != make_platform_labels("a-b")


def test_the_identity_is_read_back_from_an_object():
    identity = a_replica(LONG + "a", "1.0.0+x", 2)
    metadata = {
        "labels": identity.make_labels("racetrack"),
        "annotations": identity.make_annotations(),
    }

    assert find_identity({"metadata": metadata}) == identity
    assert find_identity({"metadata": {"name": "of-another-program"}}) is None
