"""What `make kube-up` gives a cluster, by its settings."""

import pytest

REGISTRY = {"DOCKER_REGISTRY": "registry.example.com:5000"}


pytestmark = pytest.mark.timeout(300)  # Lifecycle's own program makes a token


def settings_of(objects, name):
    [found] = [
        each["data"]
        for (kind, full), each in objects.items()
        if kind == "ConfigMap" and full.startswith(f"{name}-settings-")
    ]
    return found


def test_images_are_pushed_and_pulled_by_their_content(clone):
    clone.stack("up", **REGISTRY)

    objects = clone.render()
    pushed = {each.split()[-1] for each in clone.calls if each.startswith("docker push")}
    pulled = {
        container["image"]
        for (kind, _), each in objects.items()
        if kind == "Deployment"
        for container in (
            *each["spec"]["template"]["spec"]["containers"],
            *each["spec"]["template"]["spec"].get("initContainers", ()),
        )
    }
    assert pulled - pushed == {"moby/buildkit:v0.17.2-rootless"}
    assert len(pushed) == 4
    assert all(image.startswith("registry.example.com:5000/racetrack/") for image in pushed)
    assert settings_of(objects, "lifecycle")["DOCKER_REGISTRY"] == "registry.example.com:5000"
    assert settings_of(objects, "image-builder")["DOCKER_REGISTRY"] == "registry.example.com:5000"


def test_a_builder_elsewhere_takes_the_place_of_that_in_the_cluster(clone):
    def containers():
        pod = clone.render()["Deployment", "image-builder"]["spec"]["template"]["spec"]
        return [each["name"] for each in pod["containers"]]

    clone.stack("up", **REGISTRY)
    assert sorted(containers()) == ["buildkitd", "image-builder"]

    clone.stack("up", **REGISTRY, KUBE_BUILDKIT="false")
    assert containers() == ["image-builder"]


def test_each_install_has_secrets_of_its_own(clone):
    clone.stack("up", **REGISTRY)
    published = (clone.directory / ".env").read_text()

    assert all(len(value) >= 24 and value not in published for value in clone.secrets.values())
    secrets = {name: each for (kind, name), each in clone.render().items() if kind == "Secret"}
    keys = {name.rpartition("-secrets-")[0]: set(each["data"]) for name, each in secrets.items()}
    assert keys == {
        "postgres": {"POSTGRES_PASSWORD"},
        "lifecycle": {
            "AUTH_KEY",
            "SECRET_KEY",
            "POSTGRES_PASSWORD",
            "ADMIN_PASSWORD",
            "FORWARDING_KEY",
        },
        "image-builder": {"AUTH_KEY"},
        "pub": {"LIFECYCLE_AUTH_TOKEN"},
        "dashboard": {"FORWARDING_KEY"},
    }


def test_secrets_stay_from_one_time_to_the_next(clone):
    clone.stack("up", **REGISTRY)
    before = clone.secrets

    clone.stack("up", **REGISTRY)

    assert clone.secrets == before


def test_another_namespace_of_that_name_gets_other_secrets(clone):
    clone.stack("up", **REGISTRY)
    before = clone.secrets

    (clone.directory / "namespace").write_text("uid-2\n")
    clone.stack("up", **REGISTRY)

    assert not set(clone.secrets.values()) & set(before.values())


def test_an_ingress_has_the_name_the_class_and_the_certificate(clone):
    own = clone.directory / "mine"
    own.mkdir()
    (own / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        "configMapGenerator:\n"
        "  - {name: lifecycle-settings, behavior: merge, literals: [LOG_LEVEL=debug]}\n"
    )
    variables = {
        "INGRESS_HOST": "models.example.com",
        "INGRESS_CLASS": "nginx",
        "INGRESS_TLS_SECRET": "own-tls",
        "KUBERNETES_IMAGE_PULL_SECRETS": "one,two",
        "KUBE_COMPONENTS": f"monitoring,several-nodes {own}",
    }
    shown = clone.stack("up", **REGISTRY, **variables).stdout

    objects = clone.render()
    spec = objects["Ingress", "racetrack"]["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["models.example.com"], "secretName": "own-tls"}]
    [rule] = spec["rules"]
    assert rule["host"] == "models.example.com"
    assert [each["path"] for each in rule["http"]["paths"]] == [
        "/lifecycle",
        "/pub",
        "/dashboard",
        "/grafana",
    ]
    settings = settings_of(objects, "lifecycle")
    assert settings["EXTERNAL_PUB_URL"] == "https://models.example.com/pub"
    assert settings["LOG_LEVEL"] == "debug"
    assert settings["KUBERNETES_IMAGE_PULL_SECRETS"] == "one,two"
    accounts = [each for (kind, _), each in objects.items() if kind == "ServiceAccount"]
    assert all(each["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}] for each in accounts)
    assert objects["Deployment", "lifecycle"]["spec"]["replicas"] == 2
    assert "https://models.example.com/lifecycle" in shown
    assert "kube-forward" not in shown


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "DOCKER_REGISTRY=registry.example.com"),
        ({**REGISTRY, "KUBE_COMPONENTS": "monitorin"}, "KUBE_COMPONENTS names monitorin"),
    ],
    ids=["no way for images", "no such component"],
)
def test_what_is_wrong_is_said(clone, variables, words):
    done = clone.stack("up", check=False, **variables)

    assert done.returncode == 1
    assert words in done.stderr
    assert not (clone.directory / "calls").exists() or not [
        each for each in clone.calls if " apply " in each
    ]
