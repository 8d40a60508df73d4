"""Each sample deploys, and answers its calls as its README says."""

import json
import re
import shlex
import shutil

import pytest
from stacks.stack import ROOT

IN_CONTAINERS = ["docker-python-flask"]
ANYWHERE = sorted(
    {path.parent.name for path in (ROOT / "sample").glob("*/job.yaml")} - set(IN_CONTAINERS)
)


def read_calls(sample):
    """The calls in the README of a sample, and what it says to expect: quoted pieces of the answers."""
    text = (ROOT / "sample" / sample / "README.md").read_text()
    calls = re.findall(r"^    racetrack (call .*)$", text, re.MULTILINE)
    [expected, *_] = re.findall(r"^Expect (.*?)(?:[.;]\s|\Z)", text, re.MULTILINE | re.DOTALL)
    return [shlex.split(call) for call in calls], re.findall(r"`([^`]+)`", expected)


def deploy(stack, sample, directory):
    shutil.copytree(ROOT / "sample" / sample, directory)
    for template in directory.glob("*.env.template"):
        shutil.copyfile(template, template.with_suffix(""))
    stack.racetrack("deploy", str(directory), "--build-context", "local", "--force")


def deploy_what_it_calls(stack, tmp_path):
    deploy(stack, "python-class", tmp_path / "adder")
    grant = "auth/allow/job_family/python-chain/job/adder/scope/call_job"
    stack.api("POST", grant).raise_for_status()


@pytest.mark.parametrize("sample", ANYWHERE)
def test_a_sample_answers_as_its_readme_says(stack, tmp_path, sample):
    deploy(stack, sample, tmp_path / "job")
    if sample == "python-chain":
        deploy_what_it_calls(stack, tmp_path)
    check_calls(stack, sample)


@pytest.mark.docker
@pytest.mark.parametrize("sample", IN_CONTAINERS)
def test_a_sample_with_an_image_of_its_own_answers_as_its_readme_says(
    compose_stack, tmp_path, sample
):
    deploy(compose_stack, sample, tmp_path / "job")
    check_calls(compose_stack, sample)


def check_calls(stack, sample):
    calls, expected = read_calls(sample)
    answers = [stack.racetrack(*call).stdout for call in calls]
    assert answers
    assert [piece for piece in expected if not any(says(answer, piece) for answer in answers)] == []


def says(answer, piece):
    """Tell whether the answer is the piece, but for the last digits of numbers, or contains it."""
    try:
        return json.loads(answer) == pytest.approx(json.loads(piece))
    except json.JSONDecodeError:
        return "".join(piece.split()) in "".join(answer.split())
