"""What `kubectl kustomize` makes of kustomize/ is complete, closed, and has few rights. No cluster is asked."""

import ipaddress
import os
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPONENTS = ("monitoring", "several-nodes", "autoscaling")
"""In the order in which they build on each other."""
NOT_OF_OURS = {"postgres", "grafana", "prometheus"}
WORKLOADS = ("Deployment", "StatefulSet")


@dataclass(frozen=True)
class Rendered:
    """The objects of one way to install the platform."""

    objects: list[dict]

    def list_kind(self, *kinds):
        return [found for found in self.objects if found["kind"] in kinds]

    def find(self, kind, name):
        [found] = [each for each in self.list_kind(kind) if each["metadata"]["name"] == name]
        return found

    @property
    def pods(self):
        """The template of each workload's pods, by the workload's name."""
        return {
            each["metadata"]["name"]: each["spec"]["template"]
            for each in self.list_kind(*WORKLOADS)
        }

    @property
    def containers(self):
        """Each container: `pod/name` → it, with those that run before the others."""
        return {
            f"{name}/{container['name']}": container
            for name, pod in self.pods.items()
            for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
        }

    @property
    def services(self):
        """Each container that goes on running."""
        return {
            f"{name}/{container['name']}": container
            for name, pod in self.pods.items()
            for container in pod["spec"]["containers"]
        }


def render(directory):
    command = [ROOT / "venv/bin/kubectl", "kustomize", directory]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "kustomize warns of what newer releases refuse"
    return Rendered(list(yaml.safe_load_all(done.stdout)))


def combine(directory, shape, components):
    """Write a kustomization of a shape with components."""
    base = os.path.relpath(ROOT / "kustomize", directory.resolve())
    content = {
        "resources": [f"{base}/{shape}"],
        "components": [f"{base}/components/{name}" for name in components],
        "namespace": "elsewhere",
    }
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return directory


@pytest.fixture(scope="module", params=["base", "kind", "ingress", "everything"])
def rendered(request, tmp_path_factory):
    if request.param != "everything":
        return render(ROOT / "kustomize" / request.param)
    components = (*COMPONENTS, "monitoring-ingress", "node-ports")
    return render(combine(tmp_path_factory.mktemp("all"), "ingress", components))


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    components = (*COMPONENTS, "monitoring-ingress")
    return render(combine(tmp_path_factory.mktemp("everything"), "ingress", components))


def test_the_platform_is_complete(rendered):
    services = {"postgres", "lifecycle", "lifecycle-supervisor", "image-builder", "pub"}

    assert services | {"dashboard"} <= rendered.pods.keys()
    assert rendered.find("Deployment", "pub")["spec"].get("replicas", 2) == 2


def test_what_is_named_is_there(rendered):
    """Secrets alone come from elsewhere: `make kube-up` generates them."""
    claims = {each["metadata"]["name"] for each in rendered.list_kind("PersistentVolumeClaim")}
    maps = {each["metadata"]["name"] for each in rendered.list_kind("ConfigMap")}
    accounts = {each["metadata"]["name"] for each in rendered.list_kind("ServiceAccount")}
    priorities = {each["metadata"]["name"] for each in rendered.list_kind("PriorityClass")}
    for pod in rendered.pods.values():
        spec = pod["spec"]
        for volume in spec["volumes"]:
            assert volume.get("persistentVolumeClaim", {}).get("claimName") in {None, *claims}
            assert volume.get("configMap", {}).get("name") in {None, *maps}
        assert spec["serviceAccountName"] in accounts
        assert spec.get("priorityClassName") in {None, *priorities}
    for container in rendered.containers.values():
        for source in container.get("envFrom", ()):
            assert source["configMapRef"]["name"] in maps


def test_all_is_in_one_namespace_and_recognised(rendered):
    [namespace] = [each["metadata"]["name"] for each in rendered.list_kind("Namespace")]
    cluster_wide = {"Namespace", "PriorityClass"}

    for each in rendered.objects:
        assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "racetrack", each
        assert each["kind"] in cluster_wide or each["metadata"]["namespace"] == namespace
        for subject in each.get("subjects", ()):
            assert subject["namespace"] == namespace


def test_images_have_a_version(rendered):
    tags = {name: each["image"].rpartition(":")[2] for name, each in rendered.containers.items()}

    assert {name for name, tag in tags.items() if tag == "latest" or "/" in tag} == set()


def test_containers_have_requests_and_limits(rendered):
    for name, container in rendered.containers.items():
        for bound in ("requests", "limits"):
            assert container["resources"][bound].keys() >= {"cpu", "memory"}, name


def test_services_are_probed(rendered):
    for name, container in rendered.services.items():
        probes = {"startupProbe", "livenessProbe", "readinessProbe"}
        assert probes <= container.keys(), name


def test_containers_are_closed(rendered):
    for name, pod in rendered.pods.items():
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod["spec"].keys()
        assert not any("hostPath" in volume for volume in pod["spec"]["volumes"]), name
    for name, container in rendered.containers.items():
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name


def test_only_lifecycle_and_the_supervisor_have_a_token(rendered):
    holders = {
        name
        for name, pod in rendered.pods.items()
        if pod["spec"].get("automountServiceAccountToken", True)
    }

    assert holders == {"lifecycle", "lifecycle-supervisor"}
    for account in rendered.list_kind("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_variables_of_services_do_not_become_settings(rendered):
    """The Service `pub` would set PUB_PORT to `tcp://…`."""
    for name, pod in rendered.pods.items():
        assert pod["spec"]["enableServiceLinks"] is False, name


def test_secrets_are_neither_rendered_nor_variables_of_ours(rendered):
    assert rendered.list_kind("Secret") == []
    for name, container in rendered.containers.items():
        if name.partition("/")[0] in NOT_OF_OURS:
            continue
        assert not [
            each for each in container.get("env", ()) if "secretKeyRef" in each.get("valueFrom", {})
        ]


def test_the_rights_are_those_of_the_documentation(rendered):
    page = (ROOT / "docs/kubernetes.md").read_text()
    documented = {
        name: set(re.findall(r"`([a-z]+)`", verbs))
        for name, verbs in re.findall(r"^\| `([a-z/]+)` \| ((?:`[a-z]+`(?:, )?)+) \|$", page, re.M)
    }
    granted = defaultdict(set)
    for role in rendered.list_kind("Role"):
        for rule in role["rules"]:
            for resource in rule["resources"]:
                granted[resource] |= set(rule["verbs"])

    assert "pods" in documented
    assert granted == documented
    assert rendered.list_kind("ClusterRole", "ClusterRoleBinding") == []
    [binding] = rendered.list_kind("RoleBinding")
    assert [(each["kind"], each["name"]) for each in binding["subjects"]] == [
        ("ServiceAccount", "lifecycle")
    ]


def test_several_replicas_are_never_evicted_at_once(rendered):
    protected = [each["spec"]["selector"] for each in rendered.list_kind("PodDisruptionBudget")]
    for workload in rendered.list_kind(*WORKLOADS):
        # A Deployment that an autoscaler grows names no number.
        if workload["spec"].get("replicas", 2) > 1:
            labels = workload["spec"]["template"]["metadata"]["labels"]
            assert any(selects(selector, labels) for selector in protected), workload


def test_services_lead_to_ports_of_their_pods(rendered):
    for service in rendered.list_kind("Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        [pod] = [
            each for each in rendered.pods.values() if selects(selector, each["metadata"]["labels"])
        ]
        names = {
            port["name"]: port["containerPort"]
            for container in pod["spec"]["containers"]
            for port in container["ports"]
        }
        for port in service["spec"]["ports"]:
            # Server-side apply takes ports without a protocol from release 1.21 on only.
            assert port["protocol"] == "TCP"
            assert names[port["targetPort"]] == port["port"], service


def test_ports_of_kind_are_those_of_the_manual():
    cluster = yaml.safe_load((ROOT / "kustomize/kind/cluster.yaml").read_text())
    mappings = cluster["nodes"][0]["extraPortMappings"]
    node_ports = {
        service["spec"]["ports"][0]["nodePort"]: service["metadata"]["name"]
        for service in render(ROOT / "kustomize/kind").list_kind("Service")
        if service["spec"].get("type") == "NodePort"
    }

    assert {each["listenAddress"] for each in mappings} == {"127.0.0.1"}
    published = {each["hostPort"]: node_ports.get(each["containerPort"]) for each in mappings}
    assert published == {
        7001: "image-builder",
        7002: "lifecycle",
        7003: "dashboard",
        7005: "pub",
        7006: "lifecycle-supervisor",
        9090: None,  # with the component monitoring
        3000: None,
    }


def test_the_ingress_leads_to_services(everything):
    [rule] = everything.find("Ingress", "racetrack")["spec"]["rules"]
    paths = {each["path"]: each["backend"]["service"]["name"] for each in rule["http"]["paths"]}

    assert paths == {
        "/lifecycle": "lifecycle",
        "/pub": "pub",
        "/dashboard": "dashboard",
        "/grafana": "grafana",
    }


def test_older_releases_get_the_version_that_they_know(tmp_path):
    old = render(combine(tmp_path, "base", [*COMPONENTS, "release-1.20"]))
    versions = {each["apiVersion"] for each in old.objects}

    assert {each["apiVersion"] for each in old.list_kind("PodDisruptionBudget")} == {
        "policy/v1beta1"
    }
    assert versions <= {
        "v1",
        "apps/v1",
        "autoscaling/v1",
        "networking.k8s.io/v1",
        "policy/v1beta1",
        "rbac.authorization.k8s.io/v1",
        "scheduling.k8s.io/v1",
    }


def test_all_pods_of_the_plugins_volume_are_on_one_node_unless_it_can_be_on_several(tmp_path):
    for pod in render(combine(tmp_path, "base", ["monitoring"])).pods.values():
        mounts = any(each["name"] == "plugins" for each in pod["spec"]["volumes"])
        [term] = (
            pod["spec"]
            .get("affinity", {})
            .get("podAffinity", {})
            .get("requiredDuringSchedulingIgnoredDuringExecution", [None])
        )
        assert (term is not None) is mounts
        assert term is None or selects(term["labelSelector"], pod["metadata"]["labels"])


def test_several_nodes_share_the_plugins(everything):
    claim = everything.find("PersistentVolumeClaim", "plugins")

    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert [name for name, pod in everything.pods.items() if "affinity" in pod["spec"]] == []
    assert everything.find("Deployment", "lifecycle")["spec"]["replicas"] == 2


# --- The network, by the rules that a cluster's network would enforce --------------------------------------------------------

A_JOB = {"app.kubernetes.io/name": "job-adder-v-1", "racetrack/job-name": "adder"}
ANOTHER_JOB = {"app.kubernetes.io/name": "job-other-v-1", "racetrack/job": "job-other-v-1"}


def of_platform(name):
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "racetrack"}


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        ("pub", A_JOB, 7000),
        ("lifecycle", A_JOB, 7000),
        ("lifecycle-supervisor", ANOTHER_JOB, 7001),
        ("prometheus", A_JOB, 7000),
        (A_JOB, "pub", 7005),
        ("dashboard", "lifecycle", 7002),
        ("dashboard", "pub", 7005),
        ("pub", "lifecycle", 7002),
        ("lifecycle", "postgres", 5432),
        ("lifecycle-supervisor", "postgres", 5432),
        ("lifecycle", "image-builder", 7001),
        ("lifecycle-supervisor", "image-builder", 7001),
        ("grafana", "prometheus", 9090),
        *(
            ("prometheus", name, port)
            for name, port in [
                ("lifecycle", 7002),
                ("lifecycle-supervisor", 7006),
                ("image-builder", 7001),
                ("pub", 7005),
                ("dashboard", 7003),
            ]
        ),
    ],
    ids=str,
)
def test_the_network_lets_work_pass(everything, source, target, port):
    assert is_open(everything, source, target, port)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        (A_JOB, "postgres", 5432),
        (A_JOB, "image-builder", 7001),
        (A_JOB, "lifecycle", 7002),
        (A_JOB, "lifecycle-supervisor", 7006),
        (A_JOB, "dashboard", 7003),
        (A_JOB, "prometheus", 9090),
        (A_JOB, ANOTHER_JOB, 7000),
        (ANOTHER_JOB, "postgres", 5432),
        ("pub", "postgres", 5432),
        ("pub", "image-builder", 7001),
        ("dashboard", "postgres", 5432),
        ("dashboard", A_JOB, 7000),
        ("image-builder", "postgres", 5432),
        ("image-builder", "lifecycle", 7002),
        ("grafana", "lifecycle", 7002),
        ("postgres", "lifecycle", 7002),
    ],
    ids=str,
)
def test_the_network_stops_everything_else(everything, source, target, port):
    assert not is_open(everything, source, target, port)


@pytest.mark.parametrize(
    ("source", "address", "port", "passes"),
    [
        (A_JOB, "203.0.113.7", 443, True),
        (A_JOB, "2001:db8::7", 443, True),
        (A_JOB, "10.96.0.1", 443, False),
        (A_JOB, "192.168.49.2", 8443, False),
        (A_JOB, "169.254.169.254", 80, False),
        (A_JOB, "fd00::1", 443, False),
        ("lifecycle", "10.96.0.1", 443, True),
        ("image-builder", "203.0.113.7", 443, True),
        ("pub", "203.0.113.7", 443, False),
        ("postgres", "203.0.113.7", 443, False),
    ],
    ids=str,
)
def test_addresses_outside_of_the_cluster(everything, source, address, port, passes):
    labels = of_platform(source) if isinstance(source, str) else source

    assert (
        any(
            matches_port(rule, port, "TCP") and matches_address(rule, address)
            for rule in list_rules(everything, labels, "egress")
        )
        is passes
    )


def test_every_pod_can_look_names_up(everything):
    for pod in (*everything.pods.values(), {"metadata": {"labels": A_JOB}}):
        rules = list_rules(everything, pod["metadata"]["labels"], "egress")
        assert any("to" not in rule and matches_port(rule, 53, "UDP") for rule in rules)


def test_a_pod_that_no_policy_knows_is_shut_off(everything):
    assert selects({}, {"unknown": "pod"})
    deny = everything.find("NetworkPolicy", "deny-all")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def is_open(rendered, source, target, port):
    """Return whether both sides let a connection pass."""
    source, target = (
        of_platform(each) if isinstance(each, str) else each for each in (source, target)
    )
    leaves = any(
        matches_port(rule, port, "TCP") and matches_pod(rule.get("to"), target)
        for rule in list_rules(rendered, source, "egress")
    )
    arrives = any(
        matches_port(rule, port, "TCP") and matches_pod(rule.get("from"), source)
        for rule in list_rules(rendered, target, "ingress")
    )
    return leaves and arrives


def list_rules(rendered, labels, direction):
    for policy in rendered.list_kind("NetworkPolicy"):
        if selects(policy["spec"]["podSelector"], labels):
            yield from policy["spec"].get(direction, ())


def matches_port(rule, port, protocol):
    ports = rule.get("ports")
    return ports is None or any(
        each["port"] == port and each.get("protocol", "TCP") == protocol for each in ports
    )


def matches_pod(peers, labels):
    return peers is None or any(
        selects(peer["podSelector"], labels) for peer in peers if "podSelector" in peer
    )


def matches_address(rule, address):
    if "to" not in rule:
        return True
    blocks = [peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer]
    return any(
        is_in(address, block["cidr"]) and not any(is_in(address, out) for out in block["except"])
        for block in blocks
    )


def is_in(address, network):
    return ipaddress.ip_address(address) in ipaddress.ip_network(network)


def selects(selector, labels):
    return all(
        labels.get(name) == value for name, value in selector.get("matchLabels", {}).items()
    ) and all(
        (labels.get(each["key"]) in each["values"]) is (each["operator"] == "In")
        for each in selector.get("matchExpressions", ())
    )


def test_images_are_built_in_the_cluster_without_a_privileged_container(tmp_path):
    rendered = render(combine(tmp_path, "base", ["buildkit"]))
    builder = rendered.pods["image-builder"]["spec"]
    buildkit = rendered.containers["image-builder/buildkitd"]
    service = rendered.containers["image-builder/image-builder"]
    [settings] = [
        each["data"]
        for each in rendered.list_kind("ConfigMap")
        if each["metadata"]["name"].startswith("image-builder-settings")
    ]
    socket = settings["BUILDKIT_ADDRESS"].removeprefix("unix://")

    assert builder["securityContext"]["runAsNonRoot"] is True
    assert not buildkit["securityContext"].get("privileged")
    assert buildkit["securityContext"]["runAsUser"] == 1000
    assert f"--addr=unix://{socket}" in buildkit["args"]
    # The Image Builder may use the socket, and mounts the directory that it is in.
    groups = builder["securityContext"]["supplementalGroups"]
    assert buildkit["securityContext"]["runAsGroup"] in groups
    for container in (buildkit, service):
        mounted = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
        assert mounted[str(Path(socket).parent)] == "buildkit"
    # Nothing of the volumes of the service is in reach of a step that breaks out of its build.
    assert {each["name"] for each in buildkit["volumeMounts"]} == {"buildkit", "build-cache"}
    # What the base demands of the service still holds.
    assert service["securityContext"]["allowPrivilegeEscalation"] is False
