"""The commands around kind, where kind, kubectl and docker are stand-ins: kind itself is not asked."""


def test_kind_up_makes_a_cluster_and_everything_in_it(clone):
    shown = clone.stack("kind-up").stdout

    calls = clone.calls
    [created] = [each for each in calls if each.startswith("kind create cluster")]
    assert "--name racetrack" in created
    assert "kustomize/kind/cluster.yaml" in created
    loaded = [each for each in calls if each.startswith("kind load docker-image")]
    assert len(loaded) == 1
    for name in ("lifecycle", "image-builder", "pub", "dashboard"):
        assert f"racetrack/{name}:" in loaded[0]
    assert not [each for each in calls if each.startswith("docker push")]
    overlay = (clone.directory / "build/kubernetes/racetrack/kustomization.yaml").read_text()
    assert "resources: [../../../kustomize/kind]" in overlay
    assert "DOCKER_REGISTRY=racetrack-registry:5000" in overlay
    assert "http://127.0.0.1:7002/lifecycle" in shown
    assert (
        clone.directory / "hosts.toml"
    ).read_text() == '[host."http://racetrack-registry:5000"]\n'


def test_the_token_of_the_manual_works_in_kind(clone):
    clone.stack("kind-up")

    known = dict(
        line.split("=", 1)
        for line in (clone.directory / ".env").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    assert clone.secrets["AUTH_KEY"] == known["AUTH_KEY"]
    assert clone.secrets["LIFECYCLE_AUTH_TOKEN"] == known["PUB_AUTH_TOKEN"]
    assert clone.secrets["FORWARDING_KEY"] not in ("", *known.values())
    settings = [each["data"] for (kind, _), each in clone.render().items() if kind == "ConfigMap"]
    assert all(each["DEVELOPMENT_MODE"] == "true" for each in settings)


def test_what_is_there_is_not_made_again(clone):
    clone.stack("kind-up")
    clone.stack("kind-up")

    assert len([each for each in clone.calls if "create cluster" in each]) == 1


def test_kind_down_leaves_nothing(clone):
    clone.stack("kind-up")
    assert clone.stack("kind-runs", check=False).returncode == 0

    clone.stack("kind-down")

    assert "kind delete cluster --name racetrack" in clone.calls
    assert clone.stack("kind-runs", check=False).returncode == 1
    assert not list((clone.directory / "build/kubernetes").iterdir())


def test_clean_leaves_a_cluster_that_others_made(clone):
    (clone.directory / "cluster").write_text("racetrack\n")

    clone.stack("clean")

    assert (clone.directory / "cluster").read_text() == "racetrack\n"


def test_without_kind_the_error_says_what_to_install(clone):
    (clone.directory / "programs/kind").unlink()

    done = clone.stack("kind-up", check=False)

    assert done.returncode == 1
    assert "kind is not installed: https://kind.sigs.k8s.io" in done.stderr
    assert "make kube-up" in done.stderr


def test_commands_need_the_cluster(clone):
    done = clone.stack("kind", "logs", check=False)

    assert done.returncode == 1
    assert "`make kind-up` makes it" in done.stderr
