"""Running commands at a remote gateway, for the plugins of remote infrastructure targets.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import httpx
from racetrack_client.utils.shell import CommandError
from racetrack_client.utils.url import join_paths

GATEWAY_TOKEN_HEADER = "X-Racetrack-Gateway-Token"  # noqa: S105 the name of a header
_TIMEOUT_SECONDS = 600.0


class RemoteCommandError(CommandError):
    """A command at a remote gateway ended with an exit code other than zero, or did not run."""


def remote_shell(
    cmd: str, remote_gateway_url: str, remote_gateway_token: str, workdir: str | None = None
) -> str:
    """Run a shell command on the machine of the gateway; return its output, stdout and stderr.

    Raise RemoteCommandError with the command's exit code, or with -1 when the gateway did not run it.
    """
    answer = _ask_gateway(cmd, remote_gateway_url, remote_gateway_token, workdir)
    output, code = str(answer.get("output") or ""), answer.get("exit_code")
    if not isinstance(code, int):
        raise RemoteCommandError(cmd, "the remote gateway did not say how the command ended", -1)
    if code:
        raise RemoteCommandError(cmd, output, code)
    return output


def _ask_gateway(cmd: str, url: str, token: str, workdir: str | None) -> dict[str, object]:
    try:
        response = httpx.post(
            join_paths(url, "/remote/command"),
            json={"command": cmd, "workdir": workdir or ""},
            headers={GATEWAY_TOKEN_HEADER: token},
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
        )
        answer = response.json()
    except (httpx.HTTPError, ValueError) as e:
        raise RemoteCommandError(cmd, f"the remote gateway {url} can't be asked: {e}", -1) from e
    if response.status_code != 200 or not isinstance(answer, dict):
        reason = answer.get("error") if isinstance(answer, dict) else None
        words = f"the remote gateway {url} refused with {response.status_code}: {reason or 'no reason given'}"
        raise RemoteCommandError(cmd, words, -1)
    return answer
