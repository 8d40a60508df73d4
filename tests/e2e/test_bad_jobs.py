"""Jobs that cannot work end as failed deployments that say why; what ran before goes on."""

GOOD = "class Job:\n    def perform(self, x: int = 1):\n        return x\n"


def deploy(stack, directory, *options):
    return stack.racetrack(
        "deploy", str(directory), "--build-context", "local", *options, check=False
    )


def test_a_job_that_raises_on_import_fails_with_its_error(stack, job_directory):
    done = deploy(stack, job_directory("raises-on-import", "import no_such_module\n" + GOOD))
    assert done.returncode == 70
    assert (
        "No module named 'no_such_module' (job.py, line 1): write no_such_module into"
        in done.stderr
    )


def test_a_job_that_raises_in_its_constructor_fails_with_its_error(stack, job_directory):
    code = GOOD + "    def __init__(self):\n        raise RuntimeError('model is missing')\n"
    done = deploy(stack, job_directory("raises-in-init", code))
    assert done.returncode == 70
    assert "model is missing" in done.stderr


def test_a_job_that_fails_its_own_example_never_replaces_the_good_one(
    stack, job_directory, tmp_path
):
    directory = job_directory("fails-example", GOOD)
    assert deploy(stack, directory).returncode == 0
    (directory / "job.py").write_text(
        "class Job:\n    def perform(self, x):\n        raise RuntimeError('broken inside')\n"
        "    def docs_input_example(self):\n        return {'x': 1}\n"
    )
    done = deploy(stack, directory, "--force")
    assert done.returncode == 70
    assert "broken inside" in done.stderr
    answer = stack.call("fails-example/latest/api/v1/perform", {"x": 5})
    assert (answer.status_code, answer.json()) == (200, 5)


def test_a_job_that_exits_at_once_fails_with_its_last_log_lines(stack, job_directory):
    done = deploy(
        stack,
        job_directory("exits", "import os\nprint('going away', flush=True)\nos._exit(3)\n" + GOOD),
    )
    assert done.returncode == 70
    assert "going away" in done.stderr


def test_a_missing_entrypoint_is_named(stack, job_directory):
    directory = job_directory("no-entrypoint", GOOD)
    (directory / "job.py").unlink()
    done = deploy(stack, directory)
    assert done.returncode == 70
    assert "job.py" in done.stderr


def test_a_deployed_version_is_not_overwritten_without_force(stack, job_directory):
    directory = job_directory("overwritten", GOOD)
    assert deploy(stack, directory).returncode == 0
    done = deploy(stack, directory)
    assert done.returncode == 70
    assert "--force" in done.stderr or "force" in done.stderr


def test_secrets_of_a_failed_job_do_not_show_in_its_error(stack, job_directory):
    code = "import os\nclass Job:\n    def __init__(self):\n        raise RuntimeError(os.environ['PASSWORD'])\n"
    directory = job_directory("prints-secrets", code, secret_runtime_env_file="runtime.env")
    (directory / "runtime.env").write_text("PASSWORD=tulip-9431-secret\n")
    done = deploy(stack, directory)
    assert done.returncode == 70
    assert "tulip-9431-secret" not in done.stderr + done.stdout
