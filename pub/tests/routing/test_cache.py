from pub.routing.cache import Answer, Epochs, Memory
from pub.routing.route import Route
from racetrack_commons.entities.lifecycle_client import LifecycleError

A_ROUTE = Route("adder", "1.0.0", "running", ("127.0.0.1:7000",), None)


def test_the_least_used_answer_is_forgotten_first():
    memory = Memory(2)
    memory.keep(b"a", allowed())
    memory.keep(b"b", allowed())
    memory.find(b"a")
    memory.keep(b"c", allowed())
    assert [memory.find(key) is not None for key in (b"a", b"b", b"c")] == [True, False, True]


def test_refusals_never_push_out_routes():
    memory = Memory(20)
    memory.keep(b"a", allowed())
    for number in range(100):
        memory.keep(b"refused %d" % number, refused())
    assert memory.find(b"a") is not None
    assert len(memory) == 3


def test_the_last_answer_counts():
    memory = Memory(10)
    memory.keep(b"a", allowed())
    memory.keep(b"a", refused())
    assert memory.find(b"a").is_refusal
    assert len(memory) == 1


def test_a_change_of_one_family_begins_an_epoch_of_it_alone():
    epochs = Epochs()
    before = epochs.of("adder"), epochs.of("other")
    epochs.advance("adder")
    assert epochs.of("adder") != before[0]
    assert epochs.of("other") == before[1]


def test_a_change_of_everything_begins_an_epoch_that_never_was():
    epochs = Epochs()
    seen = {epochs.of("adder")}
    for change in (epochs.advance, lambda _: epochs.advance_all(), epochs.advance):
        change("adder")
        assert epochs.of("adder") not in seen
        seen.add(epochs.of("adder"))


def allowed():
    return Answer(A_ROUTE, 0, (0, 0))


def refused():
    return Answer(LifecycleError(401, "no"), 0, (0, 0))
