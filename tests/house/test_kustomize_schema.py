"""What `kubectl kustomize` makes of kustomize/ has the fields and types that Kubernetes knows. No cluster is asked.

The schemas are the models of the client library, which are made from the API's own description.
"""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from kubernetes import client
from pydantic import ValidationError

ROOT = Path(__file__).parents[2]
COMPONENTS = sorted(each.name for each in (ROOT / "kustomize/components").iterdir())
NEEDED = {"monitoring-ingress": ("ingress", ["monitoring"]), "node-ports": ("kind", ["monitoring"])}
"""The shape and the components that a component builds on, where it does not fit on the base alone."""
OLDER = {"release-1.20"}
"""Components for older releases, whose versions of the API the models lack; tests on a real cluster apply them."""


def find_model(content):
    """`apps/v1` and `Deployment` → the model V1Deployment."""
    version = content["apiVersion"].rpartition("/")[2]
    return getattr(client, f"{version.capitalize()}{content['kind']}")


def list_errors(objects):
    """Return a line for each field that an API server would refuse, or forget."""
    lines = []
    for each in objects:
        try:
            find_model(each).model_validate(each)
        except ValidationError as error:
            name = f"{each['kind']} {each['metadata']['name']}"
            lines += [
                f"{name}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
            ]
    return lines


def render(directory):
    command = [ROOT / "venv/bin/kubectl", "kustomize", directory]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("shape", ["base", "kind", "ingress"])
def test_the_cluster_knows_each_field_of_a_shape(shape):
    assert list_errors(render(ROOT / "kustomize" / shape)) == []


@pytest.mark.parametrize("component", [each for each in COMPONENTS if each not in OLDER])
def test_the_cluster_knows_each_field_of_a_component(component, tmp_path):
    shape, needed = NEEDED.get(component, ("base", []))
    kustomize = os.path.relpath(ROOT / "kustomize", tmp_path.resolve())
    content = {
        "resources": [f"{kustomize}/{shape}"],
        "components": [f"{kustomize}/components/{name}" for name in [*needed, component]],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(content))

    assert list_errors(render(tmp_path)) == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda pod: pod["containers"][0].update(imagee="x"), "imagee: Extra inputs"),
        (lambda pod: pod.update(terminationGracePeriodSeconds="45 s"), "valid integer"),
        (lambda pod: pod["containers"][0].pop("name"), "name: Field required"),
    ],
    ids=["unknown field", "wrong type", "missing field"],
)
def test_what_the_cluster_would_refuse_is_found(damage, words):
    objects = render(ROOT / "kustomize/base")
    [pub] = [
        each
        for each in objects
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "pub")
    ]
    damage(pub["spec"]["template"]["spec"])

    [line] = list_errors(objects)
    assert line.startswith("Deployment pub: spec.template.spec.")
    assert words in line
