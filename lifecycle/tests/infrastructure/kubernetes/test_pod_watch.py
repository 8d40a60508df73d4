import threading

import pytest
from lifecycle.infrastructure.kubernetes.cluster import ClusterUnavailable
from racetrack_commons.testing.serving import wait_until


@pytest.fixture
def changes(pods):
    """Starts the watch; counts the changes that it tells of."""
    changes = threading.Semaphore(0)
    pods.start(changes.release)
    return changes


def list_watches(api):
    return [one for one in api.asked if one.question.get("watch")]


def count_lists(api):
    return len([one for one in api.asked if one.method == "GET"]) - len(list_watches(api))


def test_pods_come_and_go_without_a_further_list(pods, changes, api, deployer, make_spec):
    assert pods.list_pods() == []

    deployer.start_instance(make_spec())
    wait_until(lambda: len(pods.list_pods()) == 1)
    assert changes.acquire(timeout=1)
    (pod,) = api.list_of("pods")
    api.remove("pods", pod["metadata"]["name"])
    wait_until(lambda: pods.list_pods() == [])
    assert changes.acquire(timeout=1)

    assert count_lists(api) == 1
    assert len(list_watches(api)) == 1


def test_what_does_not_matter_to_jobs_is_no_change(pods, changes, api, deployer, make_spec):
    deployer.start_instance(make_spec())
    assert changes.acquire(timeout=5)

    (pod,) = api.list_of("pods")
    pod["metadata"]["managedFields"] = [{"manager": "kubelet"}]
    api.put("pods", pod)
    other = deployer.start_instance(make_spec())
    wait_until(lambda: other.instance_id in {one.replica.instance_id for one in pods.list_pods()})

    assert changes.acquire(timeout=1)
    assert not changes.acquire(blocking=False)


def test_the_watch_asks_for_the_pods_of_this_platform_with_bookmarks(pods, changes, api):
    wait_until(lambda: list_watches(api))

    (request,) = list_watches(api)
    assert request.path == "/api/v1/namespaces/jobs/pods"
    assert "racetrack/platform=" in request.question["labelSelector"]
    assert request.question["allowWatchBookmarks"] == "true"
    assert int(request.question["timeoutSeconds"]) > 0


def test_when_the_server_has_forgotten_the_moment_all_pods_are_listed_again(
    pods, changes, api, deployer, make_spec
):
    wait_until(lambda: list_watches(api))
    with api.lock:
        deployer_pod = threading.Thread(target=deployer.start_instance, args=(make_spec(),))
        api.forget_events()
    deployer_pod.start()
    deployer_pod.join()

    wait_until(lambda: len(pods.list_pods()) == 1)
    assert count_lists(api) == 2


def test_a_watch_goes_on_where_the_former_one_ended(pods, changes, api, deployer, make_spec):
    deployer.start_instance(make_spec())
    wait_until(lambda: len(pods.list_pods()) == 1)
    seen = api.list_of("pods")[0]["metadata"]["resourceVersion"]

    api.is_away = True
    wait_until(lambda: is_unavailable(pods))
    api.is_away = False
    wait_until(lambda: not is_unavailable(pods))

    assert list_watches(api)[-1].question["resourceVersion"] == seen
    assert count_lists(api) == 1
    assert len(pods.list_pods()) == 1


def is_unavailable(pods):
    try:
        pods.list_pods()
    except ClusterUnavailable:
        return True
    return False


def test_a_cluster_that_is_away_from_the_beginning_is_unavailable_until_it_comes(
    pods, api, deployer, make_spec
):
    deployer.start_instance(make_spec())
    api.is_away = True
    pods.start(lambda: None)
    assert is_unavailable(pods)

    api.is_away = False
    wait_until(lambda: not is_unavailable(pods))
    assert len(pods.list_pods()) == 1


def test_the_threads_end_when_the_watch_is_stopped(pods, changes, api):
    wait_until(lambda: list_watches(api))

    pods.stop()

    assert not [one for one in threading.enumerate() if one.name == "watch-pods"]


def test_a_refusal_is_told_until_the_right_is_granted(pods, api):
    api.refusals["GET", "pods"] = (403, "pods is forbidden: cannot watch")
    pods.start(lambda: None)
    with pytest.raises(ClusterUnavailable, match="cannot watch"):
        pods.list_pods()

    del api.refusals["GET", "pods"]
    wait_until(lambda: not is_unavailable(pods))
