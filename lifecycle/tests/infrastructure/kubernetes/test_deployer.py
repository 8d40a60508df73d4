from datetime import UTC, datetime, timedelta

import pytest
from lifecycle.deployer.instances import InstanceNotStarted, JobCrashed
from lifecycle.testing.deployer_contract import NAME, a_contract_manifest

LONG_AGO = "2026-01-02T03:04:05Z"


@pytest.fixture
def told(deployer, make_spec, api):
    """Starts an instance, lets a function change its pods, and returns the error about it; None without one."""

    def told(change, **values):
        spec = make_spec(**values)
        deployer.start_instance(spec)
        api.change_pods(change)
        try:
            deployer.check_instance(spec.instance_id)
        except JobCrashed as error:
            return str(error)
        return None

    return told


def set_state(restarts=0, last_state=None, **state):
    def change(status):
        status["containerStatuses"][0] |= {
            "state": state,
            "lastState": last_state or {},
            "restartCount": restarts,
            "ready": False,
        }

    return change


def test_an_instance_is_reached_at_the_names_of_its_services(deployer, make_spec):
    spec = make_spec(manifest=a_contract_manifest(replicas=2))
    instance = deployer.start_instance(spec)

    short = spec.instance_id[:8]
    names = [f"job-{NAME}-v-0-0-1-{short}{end}.jobs.svc:7000" for end in ("", "-r1")]
    assert instance.replica_internal_names == names
    assert instance.internal_name == names[0]
    assert deployer.list_instances() == [instance]
    deployer.check_instance(spec.instance_id)


def test_outside_of_the_cluster_it_is_reached_at_its_ip_address(deployer, make_spec):
    deployer.config.kubernetes_cluster_ips = True

    assert deployer.start_instance(make_spec()).internal_name == "10.96.0.7:7000"


def test_what_is_stopped_leaves_nothing_behind(deployer, make_spec, api):
    instance = deployer.start_instance(make_spec())
    other = deployer.start_instance(make_spec(manifest=a_contract_manifest(name="other")))

    deployer.stop_instance(instance.instance_id, grace_seconds=5)

    kinds = {plural for plural, _ in api.objects}
    assert kinds == {"deployments", "pods", "secrets", "services"}
    assert len(api.objects) == 4
    assert deployer.list_instances() == [other]
    graces = [one.question["gracePeriodSeconds"] for one in api.asked if is_pods_deletion(one)]
    assert graces == ["5"]


def is_pods_deletion(request):
    return request.method == "DELETE" and request.path.endswith("/pods")


def test_an_instance_has_started_when_each_replica_runs(deployer, make_spec, api):
    spec = make_spec(manifest=a_contract_manifest(replicas=2))
    assert not deployer.has_started(spec.instance_id)
    deployer.start_instance(spec)

    api.change_pods(set_state(waiting={"reason": "ContainerCreating"}))
    assert not deployer.has_started(spec.instance_id)

    api.change_pods(set_state(running={"startedAt": LONG_AGO}))
    assert deployer.has_started(spec.instance_id)


def test_an_instance_that_is_asked_to_end_keeps_its_own_time(deployer, make_spec, api):
    instance = deployer.start_instance(make_spec())

    deployer.ask_to_end(instance.instance_id)

    # The cluster itself deletes the pods, and does not make them again.
    assert not list(filter(is_pods_deletion, api.asked))
    assert [one["spec"]["replicas"] for one in api.list_of("deployments")] == [0]
    assert deployer.has_ended(instance.instance_id)
    assert deployer.has_instance(instance.instance_id)


def test_without_a_deployment_the_pods_are_asked_to_end(deployer, make_spec, api):
    instance = deployer.start_instance(make_spec())
    (deployment,) = api.list_of("deployments")
    api.remove("deployments", deployment["metadata"]["name"])

    deployer.ask_to_end(instance.instance_id)

    (deletion,) = filter(is_pods_deletion, api.asked)
    assert "gracePeriodSeconds" not in deletion.question
    assert deployer.has_ended(instance.instance_id)


@pytest.mark.parametrize(
    ("phase", "state", "has_ended"),
    [
        ("Running", {"running": {"startedAt": LONG_AGO}}, False),
        ("Running", {"terminated": {"exitCode": 0}}, True),
        # Nodes forget the container before they tell of its end, and remove the pod a minute later.
        ("Running", {"waiting": {"reason": "ContainerCreating"}}, True),
        ("Pending", {"waiting": {"reason": "ContainerCreating"}}, False),
    ],
)
def test_a_deleted_pod_has_ended_when_its_containers_have(
    deployer, make_spec, api, phase, state, has_ended
):
    instance = deployer.start_instance(make_spec())
    (pod,) = api.list_of("pods")
    pod["metadata"]["deletionTimestamp"] = LONG_AGO
    pod["status"] |= {"phase": phase, "containerStatuses": [{"name": "job", "state": state}]}
    api.put("pods", pod)

    assert deployer.has_ended(instance.instance_id) == has_ended


@pytest.mark.parametrize(
    ("refused", "status", "hint"),
    [("secrets", 403, ""), ("deployments", 422, ""), ("services", 404, "JOB_K8S_NAMESPACE")],
)
def test_a_refused_object_is_told_in_the_clusters_words(
    deployer, make_spec, api, refused, status, hint
):
    api.refusals["PATCH", refused] = (status, "admission webhook denied it")

    with pytest.raises(InstanceNotStarted, match=f"admission webhook denied it.*{hint}"):
        deployer.start_instance(make_spec(manifest=a_contract_manifest(replicas=2)))
    assert api.objects == {}


def test_a_start_that_is_killed_leaves_nothing_that_is_not_found(deployer, make_spec, api):
    """The Secret goes with the first Service, by which the clean-up finds the instance."""
    instance = deployer.start_instance(make_spec())
    (secret,), (service,) = api.list_of("secrets"), api.list_of("services")

    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Service", service["metadata"]["uid"])
    applied = [one.path.split("/")[-2] for one in api.asked if one.method == "PATCH"]
    assert applied == ["services", "secrets", "deployments"]
    deployer.stop_instance(instance.instance_id, 0)
    removed = [one.path for one in api.asked if one.method == "DELETE"]
    assert removed[-1].endswith(service["metadata"]["name"])


def test_too_much_memory_is_refused_before_anything_is_built(deployer):
    manifest = a_contract_manifest(resources={"memory_max": "1Ti"})
    with pytest.raises(InstanceNotStarted, match="more than this platform allows"):
        deployer.check_manifest(manifest)


def test_a_crash_is_told_with_its_end_and_its_last_log_lines(told, api):
    end = {"terminated": {"exitCode": 3, "reason": "Error"}}
    error = told(lambda status: (write_logs(api), set_state(**end)(status)))

    assert error.startswith("the job ended by itself (exit code 3)\nIts last log lines:\nnow")


def test_after_a_restart_the_log_before_it_is_told(told, api):
    end = {"terminated": {"exitCode": 1, "reason": "Error"}}
    change = set_state(2, last_state=end, running={"startedAt": LONG_AGO})
    error = told(lambda status: (write_logs(api), change(status)))

    assert "exit code 1" in error
    assert "started again 2 times" in error
    assert error.endswith("before")


def write_logs(api):
    for pod in api.list_of("pods"):
        name = pod["metadata"]["name"]
        api.logs |= {name: f"{LONG_AGO} now\n", f"{name} previous": f"{LONG_AGO} before\n"}


def test_a_kill_for_memory_names_the_limit(told):
    end = {"exitCode": 137, "reason": "OOMKilled"}
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s"}
    error = told(set_state(1, last_state={"terminated": end}, waiting=waiting))

    assert "out of memory: limit 1.0 GiB" in error


def test_a_missing_image_is_told_in_the_words_of_the_last_pull(told, api, image):
    def change(status):
        (pod,) = api.list_of("pods")
        api.warn(pod["metadata"]["name"], f'Failed to pull image "{image}": not found')
        api.warn(pod["metadata"]["name"], "Error: ErrImagePull")
        set_state(waiting={"reason": "ImagePullBackOff", "message": "Back-off"})(status)

    error = told(change)
    assert (
        f"can't pull the job's image {image}: Failed to pull image \"{image}\": not found" in error
    )
    assert "Hint: check DOCKER_REGISTRY" in error


def test_a_first_failure_to_pull_may_pass(told):
    assert told(set_state(waiting={"reason": "ErrImagePull"})) is None


def test_a_container_that_can_not_be_made_is_told(told):
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}

    assert 'secret "x" not found' in told(set_state(waiting=waiting))


def unschedule(since):
    def change(status):
        status["phase"] = "Pending"
        status["containerStatuses"] = []
        status["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/3 nodes are available: 3 Insufficient cpu.",
                "lastTransitionTime": since,
            }
        ]

    return change


def test_room_is_waited_for_and_then_the_scheduler_is_quoted(told):
    now = datetime.now(UTC)

    assert told(unschedule((now - timedelta(seconds=5)).isoformat())) is None
    assert "3 Insufficient cpu." in told(unschedule((now - timedelta(minutes=1)).isoformat()))


def test_a_quota_is_told_although_there_is_no_pod(deployer, make_spec, api):
    spec = make_spec()
    deployer.start_instance(spec)
    api.objects = {key: one for key, one in api.objects.items() if key[0] != "pods"}
    deployer.check_instance(spec.instance_id)
    (deployment,) = api.list_of("deployments")
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "message": "exceeded quota: small",
        "lastTransitionTime": LONG_AGO,
    }
    deployment["status"] = {"conditions": [condition]}

    with pytest.raises(JobCrashed, match="the cluster refuses the job's pod: exceeded quota"):
        deployer.check_instance(spec.instance_id)


def test_an_evicted_pod_is_told_with_the_reason(told):
    def evict(status):
        status |= {
            "phase": "Failed",
            "reason": "Evicted",
            "message": "The node was low on resource: memory.",
        }

    assert "low on resource: memory" in told(evict)


def test_a_removed_deployment_counts_as_a_crash(deployer, make_spec, api):
    spec = make_spec(manifest=a_contract_manifest(replicas=2))
    deployer.start_instance(spec)
    for key in [key for key in api.objects if key[1].endswith(("-r1", "-r1-x"))]:
        del api.objects[key]

    with pytest.raises(JobCrashed, match="was removed"):
        deployer.check_instance(spec.instance_id)
