"""Images of python3 jobs: built by the real builder on the real engine, and run."""

import json

import pytest
from image_builder.testing.builders import write_wheel
from image_builder.testing.docker_engine import docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

SECRET = "tulips-for-amsterdam"
ADDER = {"adder.py": "class Adder:\n    def perform(self, numbers):\n        return sum(numbers)\n"}
EXTRA = {"entrypoint_path": "adder.py"}


def perform(client):
    response = client.post("/pub/job/adder/latest/api/v1/perform", json={"numbers": [40, 2]})
    assert response.status_code == 200, response.text
    return response.json()


def inspect(image):
    return json.loads(docker("image", "inspect", image))[0]


def run(image, *command):
    return docker("run", "--rm", "--network=none", image, *command)


def test_a_container_answers_and_ends_when_it_is_asked_to(build, start):
    image = build(ADDER)

    container = start(image, "--env=JOB_DEPLOYMENT_TIMESTAMP=1700")

    assert perform(container.client) == 42
    assert container.client.get("/live").json()["deployment_timestamp"] == "1700"
    health = container.client.get("/health").json()
    assert (health["job_name"], health["job_version"]) == ("adder", "1.2.3")
    assert container.stop() == 0


def test_a_job_does_not_run_as_root_and_may_write_beside_its_code_only(build):
    image = build(ADDER)

    assert inspect(image)["Config"]["User"] == "100000:100000"
    assert run(image, "id", "-un") == "racetrack"
    run(image, "touch", "/src/job/cache")
    for path in ("/src/job-venv/bin/python", "/usr/bin/env"):
        with pytest.raises(RuntimeError, match="Permission denied"):
            run(image, "touch", path)


def test_any_user_can_run_a_job(build, start):
    assert perform(start(build(ADDER), "--user=54321:0", "--read-only").client) == 42


def test_the_image_has_no_compiler_and_everything_is_compiled(build):
    image = build(ADDER)

    with pytest.raises(RuntimeError, match="not found"):
        run(image, "cc")
    script = (
        "import pathlib, sys, uvicorn, racetrack_job_wrapper as wrapper, asyncio;"
        "print(all(pathlib.Path(module.__cached__).exists() for module in (uvicorn, wrapper, asyncio)))"
    )
    assert run(image, "python", "-c", script) == "True"


def test_a_change_of_code_makes_the_last_layer_anew_and_no_other(build):
    before = inspect(build(ADDER))["RootFS"]["Layers"]
    after = inspect(build({"adder.py": ADDER["adder.py"] + "# changed\n"}))["RootFS"]["Layers"]

    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]


def test_system_dependencies_are_installed(build):
    image = build(ADDER, system_dependencies=["tree"])

    assert run(image, "tree", "--version").startswith("tree v")


def test_requirements_come_from_an_index_whose_password_is_a_build_secret(build, index):
    files = ADDER | {
        "adder.py": "import flowers\n" + ADDER["adder.py"],
        "requirements.txt": "-r base.txt\n",
        "base.txt": "flowers==1.0.0\n",
        "build.env": f"PIP_EXTRA_INDEX_URL={index}\n",
    }
    image = build(
        files,
        jobtype_extra=EXTRA | {"requirements_path": "requirements.txt"},
        secret_build_env_file="build.env",
    )

    assert run(image, "python", "-c", "import flowers; print(flowers.x)") == "1"
    told = [
        docker("history", "--no-trunc", image),
        json.dumps(inspect(image)),
        "\n".join(build.log),
    ]
    found = docker(
        "run",
        "--rm",
        "--user=0",
        image,
        "grep",
        "-rIls",
        SECRET,
        "/src",
        "/root",
        "/tmp",
        "/home",
        "/run",
        check=False,
    )
    assert found == ""
    assert not [text for text in told if SECRET in text]


def test_requirements_are_installed_from_the_jobs_own_files(build):
    files = ADDER | {
        "requirements.txt": "./flowers\n",
        "flowers/pyproject.toml": '[project]\nname = "flowers"\nversion = "1"\n',
        "flowers/flowers.py": "x = 2\n",
    }

    image = build(files, jobtype_extra=EXTRA | {"requirements_path": "requirements.txt"})

    assert run(image, "python", "-c", "import flowers; print(flowers.x)") == "2"


def test_a_missing_base_image_is_named(build):
    with pytest.raises(Exception, match=r"python:3\.10-slim-nowhere"):
        build(
            ADDER,
            jobtype_extra=EXTRA | {"python_version": "3.10", "debian_version": "slim-nowhere"},
        )


def test_an_old_manifest_runs_as_well(build, start):
    image = build(ADDER, jobtype=None, lang="python3:latest", jobtype_extra=None, python=EXTRA)

    assert perform(start(image).client) == 42


def test_values_of_a_manifest_stay_values(build):
    image = build(ADDER, build_env={"SAY": 'a "b" $HOME \\ c'})

    assert run(image, "printenv", "SAY") == 'a "b" $HOME \\ c'


def test_a_job_that_can_not_be_loaded_stays_up_to_tell_why(build, start):
    container = start(build({"adder.py": "import nothing_like_it\n"}), awaited=("/live", 500))

    live = container.client.get("/live")
    assert live.status_code == 500
    assert "nothing_like_it" in live.json()["error"]


def test_a_profiled_job_tells_what_it_holds_in_memory(build, start):
    client = start(build(ADDER, jobtype_extra=EXTRA | {"memray_profiler": True})).client
    memray = "/pub/job/adder/latest/api/v1/profiler/memray"

    assert perform(client) == 42
    assert "Total allocations" in client.get(f"{memray}/stats", timeout=30).text
    assert client.post(f"{memray}/stop").json() is None
    page = client.get(f"{memray}/flamegraph", timeout=30)
    assert page.headers["content-type"].startswith("text/html")
    assert 'src="http' not in page.text
    assert b"memray" in client.get(f"{memray}/report").content
    assert client.post(f"{memray}/start").status_code == 200


@pytest.fixture
def index(serve_directory, tmp_path):
    """A package index with one package, `flowers`, for clients with the password."""
    directory = tmp_path / "index/flowers"
    directory.mkdir(parents=True)
    wheel = write_wheel(directory, "flowers")
    (directory / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    return serve_directory(directory.parent, user="reader", password=SECRET)
