import pytest
from racetrack_client.log.errors import ValidationError
from racetrack_commons.plugin.job_type_definition import ImageSource, parse_definition
from racetrack_commons.plugin.job_types import gather_job_types, resolve_job_type
from racetrack_commons.testing.builders import a_plugin_zip

PROCESS = {"command": ["{python}", "-m", "wrapper"]}


def offer(engine, definitions, name="types", **manifest):
    code = f"class Plugin:\n  def job_types(self):\n    return {definitions!r}\n"
    engine.upload_plugin("a.zip", a_plugin_zip(code, name, **manifest))


def test_a_definition_lists_images_with_their_defaults():
    definition = parse_definition(
        {
            "images": [
                {"dockerfile_path": "a"},
                {"dockerfile_path": "b", "source": "job", "template": False},
            ]
        }
    )

    first, second = definition.images
    assert (first.source, first.template) == (ImageSource.JOBTYPE, True)
    assert (second.source, second.template) == (ImageSource.JOB, False)


@pytest.mark.parametrize(
    ("old", "paths", "base"),
    [
        ("a.Dockerfile", ["a.Dockerfile"], None),
        (["a.Dockerfile", "b.Dockerfile"], ["a.Dockerfile", "b.Dockerfile"], None),
        (("base.Dockerfile", "a.Dockerfile"), ["a.Dockerfile"], "base.Dockerfile"),
    ],
)
def test_old_formats_are_understood(old, paths, base):
    definition = parse_definition(old)

    assert [image.dockerfile_path for image in definition.images] == paths
    assert definition.base_dockerfile_path == base


@pytest.mark.parametrize(
    "malformed",
    [
        None, 1, [], {}, {"images": []}, ["a", None], ("a",), {"images": [{}]},
        {"images": [{"dockerfile_path": "a", "source": "web"}]}, {"process": {"command": []}},
    ],
)  # fmt: skip
def test_malformed_definitions_are_refused(malformed):
    with pytest.raises(ValidationError):
        parse_definition(malformed)


def test_a_process_recipe_stands_beside_images_or_alone(engine):
    offer(engine, {"a:1.0.0": {"process": PROCESS}, "b:1.0.0": ["Dockerfile"]})
    job_types = gather_job_types(engine)

    a, b = job_types.by_key["a:1.0.0"], job_types.by_key["b:1.0.0"]
    assert a.process is not None
    assert a.process.command == PROCESS["command"]
    assert (a.can_run_as("process"), a.can_run_as("docker")) == (True, False)
    assert (b.can_run_as("process"), b.can_run_as("docker")) == (False, True)
    assert (b.plugin_dir / "plugin.py").is_file()


def test_malformed_job_types_and_failing_plugins_are_left_out(engine):
    offer(engine, {"good:1.0.0": "Dockerfile", "bad:1.0.0": 7, "nokey": "x", "a:b:c": "x"})
    offer(engine, ["not", "a", "map"], name="list")
    failing = "class Plugin:\n  def job_types(self):\n    raise RuntimeError('boom')\n"
    engine.upload_plugin("f.zip", a_plugin_zip(failing, "failing"))

    job_types = gather_job_types(engine)

    assert set(job_types.by_key) == {"good:1.0.0"}
    assert set(job_types.malformed) == {"bad:1.0.0", "nokey", "a:b:c"}


@pytest.mark.parametrize(
    ("requested", "kind", "version"),
    [
        ("python3:latest", "docker", "2.10.0"),
        ("python3:latest", "process", "2.9.0"),
        ("python3:1.*", "docker", "1.1.0"),
        ("python3:*", "docker", "2.10.0"),
        ("python3:1.0.0", "process", "1.0.0"),
        ("python3:2.*-dev", "docker", "2.11.0-dev"),
    ],
)
def test_the_highest_version_that_fits_and_can_run_is_taken(engine, requested, kind, version):
    both = {"images": [{"dockerfile_path": "a"}], "process": PROCESS}
    offer(
        engine,
        {"python3:1.0.0": both, "python3:1.1.0": "a", "python3:2.9.0": both, "python3:2.10.0": "a"},
    )
    if requested.endswith("-dev"):
        offer(engine, {"python3:2.11.0-dev": "a"}, name="dev")

    assert resolve_job_type(engine, requested, kind).version == version


def test_labelled_versions_count_for_latest_but_stand_below_their_release(engine):
    offer(engine, {"go:1.0.0": "a", "go:1.1.0-rc1": "a"})
    assert resolve_job_type(engine, "go:latest", "docker").version == "1.1.0-rc1"


def test_a_version_that_is_none_does_not_break_latest(engine):
    offer(engine, {"go:1.0.0": "a", "go:nightly": "a"})

    assert resolve_job_type(engine, "go:latest", "docker").version == "1.0.0"
    assert str(resolve_job_type(engine, "go:nightly", "docker")) == "go:nightly"


def test_the_later_plugin_wins_when_two_offer_the_same(engine):
    offer(engine, {"go:1.0.0": "late"}, name="a-late", priority=2)
    offer(engine, {"go:1.0.0": "early"}, name="z-early")

    job_type = resolve_job_type(engine, "go:1.0.0", "docker")

    assert job_type.images[0].dockerfile_path == "late"


@pytest.mark.parametrize(
    ("requested", "kind", "told"),
    [
        (
            "go:1.0.0",
            "process",
            r"go:1.0.0 is not .* process .*only for others: .*make compose-up.*: python3:3.0.0",
        ),
        ("go:1.*", "process", r"go:1\.\* is not .*only for others"),
        (
            "python:3.11",
            "process",
            r"did you mean python3:latest\? Python's own version is jobtype_extra.python_version; there are",
        ),
        ("rust:latest", "docker", r"rust:latest.*there are: go:1.0.0"),
        ("bad:1.0.0", "docker", "definition is wrong"),
        ("python3", "docker", "python3:latest"),
    ],
)
def test_an_error_names_what_there_is(engine, requested, kind, told):
    offer(engine, {"go:1.0.0": "a", "python3:3.0.0": {"process": PROCESS}, "bad:1.0.0": 7})

    with pytest.raises(ValidationError, match=told):
        resolve_job_type(engine, requested, kind)


def test_without_plugins_the_error_says_so(engine):
    with pytest.raises(ValidationError, match="no plugin offers one"):
        resolve_job_type(engine, "python3:latest", "process")
