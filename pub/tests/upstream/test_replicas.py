from pub.routing.route import Route
from pub.upstream.replicas import EJECTED_SECONDS, GIVEN_UP_SECONDS, Replicas


def test_each_job_takes_its_own_turns(clock):
    replicas = Replicas(clock)
    chosen = [(replicas.choose(a_route("a")), replicas.choose(a_route("b"))) for _ in range(2)]
    assert {first for first, _ in chosen} == {"one", "two"}
    assert {second for _, second in chosen} == {"one", "two"}


def test_an_ejected_replica_sits_out_for_a_while(clock):
    replicas = Replicas(clock)
    replicas.eject("one")
    assert {replicas.choose(a_route()) for _ in range(4)} == {"two"}
    clock.advance(EJECTED_SECONDS)
    assert {replicas.choose(a_route()) for _ in range(4)} == {"one", "two"}


def test_ejected_replicas_are_better_than_none(clock):
    replicas = Replicas(clock)
    replicas.eject("one")
    replicas.eject("two")
    assert replicas.choose(a_route()) is not None


def test_what_was_tried_is_not_chosen(clock):
    replicas = Replicas(clock)
    assert replicas.choose(a_route(), {"one"}) == "two"
    assert replicas.choose(a_route(), {"one", "two"}) is None
    assert replicas.choose(a_route(addresses=("one",)), {"one"}) is None
    assert replicas.choose(a_route(addresses=())) is None


def test_an_address_is_given_up_for_a_moment(clock):
    replicas = Replicas(clock)
    replicas.give_up("one")
    assert replicas.is_given_up("one")
    assert not replicas.is_given_up("two")
    clock.advance(GIVEN_UP_SECONDS)
    assert not replicas.is_given_up("one")


def a_route(name="adder", addresses=("one", "two")):
    return Route(name, "1.0.0", "running", addresses, None)
