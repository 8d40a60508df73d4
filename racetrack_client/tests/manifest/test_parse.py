from typing import Any

import pytest
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest import GitManifest, Manifest, ResourcesManifest
from racetrack_client.manifest.parse import ManifestError, parse_manifest, parse_own_manifest
from racetrack_client.manifest.rules import list_deprecations
from racetrack_client.manifest.validate import validate_manifest
from racetrack_commons.testing.builders import a_manifest_dict


def problems_of(content: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(content)
    return dict(caught.value.problems)


def test_a_good_manifest_is_parsed_with_its_defaults():
    manifest = parse_manifest(a_manifest_dict(version=...))

    assert (manifest.version, manifest.replicas, manifest.image_type) == ("0.0.1", 1, "docker")
    assert manifest.smoke_test is True
    assert manifest.git.branch is None


def test_what_the_samples_use_is_accepted():
    manifest = parse_manifest(
        a_manifest_dict(
            extends=None,
            labels={"model": "linear-regression"},
            replicas=2,
            resources={"memory_min": "500M", "cpu_min": "100m", "cpu_max": "1000m"},
            public_endpoints=["/api/v1/webview"],
            system_dependencies=["libgomp1"],
            build_env={"DEBIAN_FRONTEND": "noninteractive"},
            runtime_env={"TORCH_MODEL_ZOO": "zoo"},
            secret_build_env_file="build.env",
            secret_runtime_env_file="runtime.env",
        )
    )

    assert str(manifest.resources.cpu_max) == "1000m"


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        ({"name": ...}, "name", "is missing"),
        ({"name": "Adder_1"}, "name", "a-z, 0-9 and inner dashes"),
        ({"name": "-adder"}, "name", "a-z, 0-9 and inner dashes"),
        ({"name": ""}, "name", "a-z, 0-9 and inner dashes"),
        ({"name": "a\n"}, "name", "a-z, 0-9 and inner dashes"),
        ({"name": "a" * 60}, "name", "shorten the name"),
        ({"name": 5}, "name", "must be a text, not 5"),
        ({"version": "1.0"}, "version", "such as 1.2.3"),
        ({"version": 1.0}, "version", "such as 1.2.3, not"),
        ({"version": "01.0.0"}, "version", "such as 1.2.3"),
        ({"version": "1.0.0+build"}, "version", "use a label"),
        ({"version": "1.0.0-RC1"}, "version", "use a-z"),
        ({"owner_email": "nobody"}, "owner_email", "e-mail"),
        ({"jobtype": ...}, "jobtype", "exactly one"),
        ({"lang": "python3:latest"}, "jobtype", "exactly one"),
        ({"jobtype": "python3"}, "jobtype", "name:version"),
        ({"python": {}}, "python", "jobtype_extra is there already"),
        ({"image_type": "packer"}, "image_type", "not supported"),
        ({"git": {}}, "git.remote", "is missing"),
        ({"git": {"remote": "", "branch": "dev"}}, "git.remote", "is missing"),
        ({"git": None, "build_context": "git"}, "git.remote", "is missing: name the repository"),
        ({"build_context": "tar"}, "build_context", "'local' or 'git'"),
        ({"git": {"remote": "git@github.com:a/b"}}, "git.remote", "https://"),
        ({"git": {"remote": "https://h/r", "directory": "../x"}}, "git.directory", "inside"),
        ({"git": {"remote": "https://h/r", "brunch": "x"}}, "git.brunch", "did you mean branch?"),
        ({"runtime_env": {"A": 1}}, "runtime_env.A", "put it in quotes"),
        ({"runtime_env": {"A": None}}, "runtime_env.A", "has no value"),
        ({"runtime_env": {"A": True}}, "runtime_env.A", "not true; put it in quotes"),
        ({"runtime_env": {"A": ["b"]}}, "runtime_env.A", "must be a text, not [b]"),
        ({"build_env": {"MY VAR": "1"}}, "build_env.MY VAR", "letters, digits and _"),
        ({"public_endpoints": ["webview"]}, "public_endpoints.0", "such as /api/v1/webview"),
        ({"smoke_test_timeout": 0}, "smoke_test_timeout", "0 must be a number of seconds between"),
        ({"smoke_test_timeout": True}, "smoke_test_timeout", "must be a number of seconds"),
        ({"drain_seconds": -1}, "drain_seconds", "between 0 and 86400"),
        ({"resources": {"shm_size": 0}}, "resources.shm_size", "more than 0"),
        (
            {"resources": {"shm_size": "2Gi", "memory_max": "1Gi"}},
            "resources.shm_size",
            "2Gi is more than memory_max, 1Gi",
        ),
        ({"resources": {"gpu": 0}}, "resources.gpu", "between 1 and 64"),
        ({"resources": {"gpu": True}}, "resources.gpu", "whole number"),
        ({"gpu": 1}, "gpu", "resources.gpu"),
        (
            {"resources": {"node_selector": {"pool": "a b"}}},
            "resources.node_selector.pool",
            "no label of a node",
        ),
        (
            {"resources": {"node_selector": {"disks": 2}}},
            "resources.node_selector.disks",
            "put it in quotes",
        ),
        (
            {"resources": {"tolerations": ["spot:NoExecute", "dedicated"]}},
            "resources.tolerations.1",
            "'dedicated' is no taint such as dedicated=gpu:NoSchedule",
        ),
        ({"replicas": 0}, "replicas", "between 1 and 50"),
        ({"replicas": 51}, "replicas", "between 1 and 50"),
        ({"replicas": 1.5}, "replicas", "1.5"),
        ({"replicas": True}, "replicas", "whole number"),
        ({"resources": {"cpu_min": "lots"}}, "resources.cpu_min", "is not a quantity"),
        ({"resources": {"cpu_min": "-1"}}, "resources.cpu_min", "is not a quantity"),
        (
            {"resources": {"memory_min": "2Gi", "memory_max": "1G"}},
            "resources.memory_max",
            "is less than memory_min, 2Gi",
        ),
        ({"owner": "me"}, "owner", "did you mean owner_email?"),
        ({"origin_yaml_": "x"}, "origin_yaml_", "there is no such key"),
        (
            {"requirements": "r.txt"},
            "requirements",
            "did you mean jobtype_extra.requirements_path?",
        ),
        ({"entrypoint": "a.py"}, "entrypoint", "did you mean jobtype_extra.entrypoint_path?"),
        ({"max_concurrency": 1}, "max_concurrency", "below jobtype_extra"),
        ({"port": 7000}, "port", "the platform chooses the port"),
    ],
)
def test_a_broken_rule_is_named_with_its_path_and_what_to_do(
    changes: dict[str, Any], path: str, says: str
):
    assert says in problems_of(a_manifest_dict(**changes))[path]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"entrypoint_clas": "A"}, "python3 has no such key; did you mean entrypoint_class?"),
        ({"requirements": "r.txt"}, "did you mean requirements_path?"),
        ({"guarantees": 1}, "python3 has no such key; remove it"),
    ],
)
def test_an_unknown_key_of_a_bundled_job_type_is_an_error_for_its_author(keys, says):
    content = a_manifest_dict(jobtype_extra=keys, replicas=0)

    with pytest.raises(ManifestError) as caught:
        parse_own_manifest(content)

    problems = dict(caught.value.problems)
    assert says in problems[f"jobtype_extra.{next(iter(keys))}"]
    assert "replicas" in problems


def test_keys_of_other_job_types_and_stored_manifests_are_accepted():
    keys = {"entrypoint_clas": "A"}

    assert parse_own_manifest(a_manifest_dict(jobtype="rust:latest", jobtype_extra=keys))
    assert parse_manifest(a_manifest_dict(jobtype_extra=keys))


def test_every_error_of_a_bad_file_is_reported_at_once():
    problems = problems_of(
        {"name": "Bad", "version": 1.0, "git": {"remote": "ssh://x"}, "replicas": 99, "nmae": "x"}
    )

    assert set(problems) == {
        "name", "owner_email", "version", "git.remote", "jobtype", "replicas", "nmae"
    }  # fmt: skip


def test_the_text_of_the_error_has_a_line_for_each_problem():
    with pytest.raises(ValidationError) as caught:
        parse_manifest(a_manifest_dict(replicas=0, owner_email="x"))

    text = str(caught.value)
    assert text.startswith("2 errors in the manifest:\n")
    assert "\n  replicas: 0 must be between 1 and 50" in text


def test_a_manifest_made_in_code_is_validated_too():
    manifest = Manifest(
        name="Adder",
        owner_email="a@b",
        git=GitManifest(remote="https://h/r"),
        jobtype="python3:latest",
        resources=ResourcesManifest(),
    )

    with pytest.raises(ManifestError, match="name: 'Adder'"):
        validate_manifest(manifest)


def test_the_origin_keeps_the_order_and_drops_nulls_but_is_no_part_of_the_manifest():
    manifest = parse_manifest(a_manifest_dict(labels=None))

    assert manifest.origin_yaml_.startswith("name: adder\nversion: 0.0.1\nowner_email:")
    assert "labels" not in manifest.origin_dict_
    assert not {"origin_yaml_", "origin_dict_"} & set(manifest.model_dump())


def test_extra_and_job_type_are_found_under_their_deprecated_names():
    manifest = parse_manifest(
        a_manifest_dict(
            jobtype=..., lang="python3:1.0.0", jobtype_extra=..., python={"entrypoint_path": "a.py"}
        )
    )

    assert manifest.get_jobtype() == "python3:1.0.0"
    assert manifest.get_jobtype_extra() == {"entrypoint_path": "a.py"}
    assert parse_manifest(a_manifest_dict(jobtype_extra=...)).get_jobtype_extra() == {}


def test_deprecated_keys_are_named_with_what_replaces_them():
    assert list_deprecations({"lang": "x", "docker": None}) == [
        "lang in the manifest is deprecated; write jobtype instead"
    ]


def test_the_manifest_has_a_json_schema_for_the_api():
    schema = Manifest.model_json_schema()

    assert schema["$defs"]["ResourcesManifest"]["properties"]["cpu_min"]["anyOf"][0]["type"] == (
        "string"
    )


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("git", "https://a.b/c", "such as git: {remote: https://a.b/c}; it is https://a.b/c"),
        ("resources", "2Gi", "such as resources: {memory_max: 2Gi}; it is 2Gi"),
        ("version", 1.0, "must be a semantic version such as 1.2.3, not 1.0"),
    ],
)  # fmt: skip
def test_the_advice_for_a_key_that_is_elsewhere_fits(key, value, problem):
    assert problems_of(a_manifest_dict(**{key: value}))[key].endswith(problem)
