from pub.routing.cache import Decision, DecisionCache, Generation, Generations
from pub.routing.route import Route
from racetrack_commons.entities.lifecycle_client import LifecycleError

A_ROUTE = Route("adder", "1.0.0", "running", ("127.0.0.1:7000",), None)


def test_the_least_used_answer_is_forgotten_first():
    cache = DecisionCache(2)
    cache.keep(b"a", allowed())
    cache.keep(b"b", allowed())
    cache.find(b"a")
    cache.keep(b"c", allowed())
    assert [cache.find(key) is not None for key in (b"a", b"b", b"c")] == [True, False, True]


def test_refusals_never_push_out_routes():
    cache = DecisionCache(20)
    cache.keep(b"a", allowed())
    for number in range(100):
        cache.keep(b"refused %d" % number, refused())
    assert cache.find(b"a") is not None
    assert len(cache) == 3


def test_the_last_answer_counts():
    cache = DecisionCache(10)
    cache.keep(b"a", allowed())
    cache.keep(b"a", refused())
    assert cache.find(b"a").is_refusal
    assert len(cache) == 1


def test_a_change_of_one_family_begins_a_generation_of_it_alone():
    generations = Generations()
    before = generations.current("adder"), generations.current("other")
    generations.advance("adder")
    assert generations.current("adder") != before[0]
    assert generations.current("other") == before[1]


def test_a_change_of_everything_begins_a_generation_that_never_was():
    generations = Generations()
    seen = {generations.current("adder")}
    for change in (generations.advance, lambda _: generations.advance_all(), generations.advance):
        change("adder")
        assert generations.current("adder") not in seen
        seen.add(generations.current("adder"))


def allowed():
    return Decision(A_ROUTE, 0, Generation(0, 0, 0))


def refused():
    return Decision(LifecycleError(401, "no"), 0, Generation(0, 0, 0))
