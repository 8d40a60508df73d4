from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse
from lifecycle.infrastructure.infra_target import RemoteCommandError, remote_shell
from pydantic import BaseModel
from racetrack_client.utils.shell import CommandError
from racetrack_commons.testing.serving import running_server


class Command(BaseModel):
    command: str
    workdir: str | None


@pytest.fixture
def gateway() -> Iterator[str]:
    """A remote gateway that has one command, `echo`, and fails with 3 at all others."""
    app = FastAPI()

    @app.post("/pub/remote/command")
    def run(command: Command, x_racetrack_gateway_token: str = Header("")) -> JSONResponse:
        if x_racetrack_gateway_token != "secret":
            return JSONResponse({"error": "wrong token", "status": "Unauthorized"}, status_code=401)
        if command.command == "broken":
            return JSONResponse({})
        if not command.command.startswith("echo "):
            return JSONResponse({"output": "no such command", "exit_code": 3})
        output = command.command.removeprefix("echo ") + f" in {command.workdir or '-'}\n"
        return JSONResponse({"output": output, "exit_code": 0})

    with running_server(app) as url:
        yield f"{url}/pub"


def test_a_remote_command_gives_its_output(gateway: str):
    assert remote_shell("echo hello", gateway, "secret") == "hello in -\n"
    assert remote_shell("echo hello", gateway, "secret", "/tmp") == "hello in /tmp\n"


def test_a_failing_remote_command_raises_with_its_exit_code(gateway: str):
    with pytest.raises(CommandError, match="no such command") as caught:
        remote_shell("docker network create", gateway, "secret")
    assert caught.value.returncode == 3


@pytest.mark.parametrize(("command", "token"), [("echo a", "wrong"), ("broken", "secret")])
def test_a_command_that_the_gateway_does_not_run_raises(gateway: str, command: str, token: str):
    with pytest.raises(RemoteCommandError) as caught:
        remote_shell(command, gateway, token)
    assert caught.value.returncode == -1


def test_a_gateway_that_is_not_there_is_named():
    with pytest.raises(RemoteCommandError, match=r"127\.0\.0\.1:9"):
        remote_shell("echo a", "http://127.0.0.1:9", "secret")
