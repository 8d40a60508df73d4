import pytest
from kubernetes.config import incluster_config, kube_config
from lifecycle.infrastructure.kubernetes.cluster import (
    POD,
    SECRET,
    SERVICE,
    Cluster,
    ClusterRefusal,
    ClusterUnavailable,
)
from racetrack_commons.testing.serving import free_port


def a_secret(name="one", **labels):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": labels},
        "data": {},
    }


def test_an_object_is_applied_by_the_server_with_a_field_manager(cluster, api):
    assert cluster.apply(a_secret())["metadata"]["creationTimestamp"]

    (request,) = api.asked
    assert (request.method, request.path) == ("PATCH", "/api/v1/namespaces/jobs/secrets/one")
    assert request.question == {"fieldManager": "racetrack", "force": "true"}
    assert request.body == a_secret()


def test_lists_are_read_page_by_page(cluster, api):
    api.page_length = 2
    for number in range(5):
        cluster.apply(a_secret(f"s{number}", of="me"))
    cluster.apply(a_secret("other", of="you"))

    names = [one["metadata"]["name"] for one in cluster.list_objects(SECRET, {"of": "me"})]
    assert names == ["s0", "s1", "s2", "s3", "s4"]
    assert len([one for one in api.asked if one.method == "GET"]) == 3


def test_a_list_begins_again_when_the_server_has_forgotten_its_first_page(cluster, api):
    api.page_length, api.expired_pages = 2, 1
    for number in range(3):
        cluster.apply(a_secret(f"s{number}"))

    names = [one["metadata"]["name"] for one in cluster.list_objects(SECRET, {})]
    assert names == ["s0", "s1", "s2"]

    api.expired_pages = 9
    with pytest.raises(ClusterRefusal, match="too old"):
        cluster.list_objects(SECRET, {})


def test_what_is_gone_is_deleted_without_an_error(cluster):
    cluster.delete_object(SERVICE, "gone")
    cluster.delete_objects(POD, {"of": "me"}, 5)


@pytest.mark.parametrize("status", [403, 409, 410, 422])
def test_a_refusal_has_the_words_of_the_server(cluster, api, status):
    for method in ("PATCH", "GET", "DELETE"):
        api.refusals[method, "secrets"] = (status, f"no: {status}")

    for action in (
        lambda: cluster.apply(a_secret()),
        lambda: cluster.list_objects(SECRET, {}),
        lambda: cluster.delete_object(SECRET, "one"),
    ):
        with pytest.raises(ClusterRefusal, match=f"^no: {status}$") as raised:
            action()
        assert raised.value.status_code == status


def test_a_log_that_is_not_there_yet_is_empty(cluster, api):
    assert cluster.read_log("p", "job", {}) == b""
    api.logs["p"] = "one\ntwo\n"
    assert cluster.read_log("p", "job", {"tailLines": "1"}) == b"two\n"


def test_a_cluster_that_does_not_answer_is_unavailable(cluster_config):
    config = cluster_config.model_copy()
    text = config.kubernetes_config.read_text()
    config.kubernetes_config.write_text(
        text.replace("http://127.0.0.1:", f"http://127.0.0.1:{free_port()}/at-")
    )
    with pytest.raises(ClusterUnavailable, match="does not answer"):
        Cluster(config).list_objects(POD, {})


def test_a_missing_kubeconfig_is_told_with_its_setting(cluster_config, tmp_path):
    config = cluster_config.model_copy(update={"kubernetes_config": tmp_path / "none"})
    with pytest.raises(ClusterUnavailable, match="KUBERNETES_CONFIG"):
        Cluster(config).list_objects(POD, {})


def test_in_a_pod_the_service_account_is_used(cluster_config, monkeypatch, tmp_path):
    port = free_port()
    for name, content in (("TOKEN", "a token"), ("CERT", "a certificate")):
        path = tmp_path / name
        path.write_text(content)
        monkeypatch.setattr(incluster_config, f"SERVICE_{name}_FILENAME", str(path))
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))
    cluster = Cluster(cluster_config.model_copy(update={"kubernetes_config": None}))

    with pytest.raises(ClusterUnavailable, match=rf"does not answer.*port={port}"):
        cluster.list_objects(POD, {})


def test_without_a_kubeconfig_and_outside_a_pod_no_cluster_is_known(
    cluster_config, monkeypatch, tmp_path
):
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    cluster = Cluster(cluster_config.model_copy(update={"kubernetes_config": None}))

    with pytest.raises(ClusterUnavailable, match=r"no cluster is known.*set KUBERNETES_CONFIG"):
        cluster.list_objects(POD, {})
