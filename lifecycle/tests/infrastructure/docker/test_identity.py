from lifecycle.infrastructure.docker.identity import make_alias, make_container_name

ID = "1a2b3c4d-0000-0000-0000-000000000000"


def test_names_say_replica_and_container():
    assert make_container_name("adder", "0.0.1", 0, 0) == "job-adder-v-0-0-1"
    assert make_container_name("adder", "0.0.1", 2, 1) == "job-adder-v-0-0-1-r2-1"
    assert make_alias("adder", "0.0.1", ID, 1, 0) == "job-adder-v-0-0-1-1a2b3c4d-r1"


def test_an_alias_fits_into_dns_and_stays_unique():
    alias = make_alias("a" * 70, "1.0.0-RC_1", ID, 10, 2)

    assert len(alias) == 63
    assert alias.endswith("-1a2b3c4d-r10-2")
    assert make_alias("a", "1.0.0-RC_1", ID, 0, 0) == "job-a-v-1-0-0-rc-1-1a2b3c4d"
