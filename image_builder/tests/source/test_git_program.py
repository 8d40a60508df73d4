import os
import subprocess

import pytest
from image_builder.source.git_program import GitProgram, make_git_environment
from racetrack_client.entities import Credentials

REMOTE = "https://git.example.com:8443/team/adder"
CREDENTIALS = Credentials(username="john@example.com", password="tulip 9431")


@pytest.fixture
def environment(tmp_path):
    inherited = {"PATH": os.environ["PATH"]}
    return make_git_environment(inherited, ["https"], REMOTE, CREDENTIALS, tmp_path)


def ask(environment, prompt):
    command = [environment["GIT_ASKPASS"], prompt]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    return done.stdout.removesuffix("\n")


def test_git_and_git_lfs_are_answered_for_the_remote(environment):
    origin = "git.example.com:8443"
    assert ask(environment, f"Username for 'https://{origin}': ") == "john@example.com"
    assert ask(environment, f'Username for "https://{origin}"') == "john@example.com"
    for user in ("john@example.com", "john%40example.com"):
        assert ask(environment, f"Password for 'https://{user}@{origin}': ") == "tulip 9431"
    assert ask(environment, f'Password for "https://john%40example.com@{origin}"') == "tulip 9431"


@pytest.mark.parametrize(
    "origin",
    [
        "http://git.example.com:8443",
        "https://git.example.com",
        "https://other.example.com",
        "https://other.example.com/git.example.com:8443",
    ],
)
def test_another_scheme_or_host_gets_nothing(environment, origin):
    assert ask(environment, f"Username for '{origin}': ") == ""
    named = origin.replace("://", "://john%40example.com@")
    assert ask(environment, f"Password for '{named}': ") == ""


def test_a_program_that_asks_again_after_a_refusal_gets_nothing(environment):
    program = GitProgram(environment, 1, progress=None)
    username = "Username for 'https://git.example.com:8443': "
    password = "Password for 'https://john%40example.com@git.example.com:8443': "

    def answers(asking):
        return [ask(asking.environment, prompt) for prompt in (username, password) * 2]

    assert answers(program.asking_once()) == ["john@example.com", "tulip 9431", "", ""]
    assert answers(program.asking_once()) == ["john@example.com", "tulip 9431", "", ""]


def test_ssh_is_no_way_for_git_lfs_unless_it_is_allowed(tmp_path):
    def command(*protocols):
        return make_git_environment({}, protocols, REMOTE, None, tmp_path).get("GIT_SSH_COMMAND")

    assert command("https") == "false"
    assert command("https", "ssh") is None
