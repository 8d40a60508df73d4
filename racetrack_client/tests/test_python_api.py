"""The names that published plugins and scripts import; none may disappear."""

import importlib
import inspect
import subprocess
import sys

import pytest
from racetrack_client.client.deploy import send_deploy_request
from racetrack_client.plugin.install import install_plugin

NAMES = {
    "racetrack_client.client.deploy": ["send_deploy_request", "BuildContextMethod", "DeploymentError"],
    "racetrack_client.client.env": ["merge_env_vars"],
    "racetrack_client.client.run": ["JOB_INTERNAL_PORT"],
    "racetrack_client.client_config.auth": ["set_user_auth"],
    "racetrack_client.client_config.client_config": ["ClientConfig", "Credentials"],
    "racetrack_client.log.context_error": ["ContextError", "wrap_context"],
    "racetrack_client.log.errors": ["AlreadyExists", "EntityNotFound", "ValidationError"],
    "racetrack_client.log.exception": ["log_exception", "short_exception_details"],
    "racetrack_client.log.logs": ["configure_logs", "get_logger"],
    "racetrack_client.main": ["main"],
    "racetrack_client.manifest": ["Manifest"],
    "racetrack_client.manifest.manifest": ["GitManifest", "Manifest", "ResourcesManifest"],
    "racetrack_client.manifest.validate": ["load_validated_manifest", "validate_manifest"],
    "racetrack_client.plugin.install": ["install_plugin"],
    "racetrack_client.plugin.plugin_manifest": ["PluginManifest"],
    "racetrack_client.utils.auth": ["AuthError", "RT_AUTH_HEADER", "get_auth_request_headers"],
    "racetrack_client.utils.datamodel": [
        "convert_to_json", "parse_dict_datamodel", "parse_yaml_file_datamodel",
    ],
    "racetrack_client.utils.quantity": ["Quantity"],
    "racetrack_client.utils.request": [
        "RequestError", "Requests", "Response", "ResponseError",
        "parse_response", "parse_response_list", "parse_response_object",
    ],
    "racetrack_client.utils.semver": ["SemanticVersion", "SemanticVersionPattern"],
    "racetrack_client.utils.shell": ["CommandError", "CommandOutputStream", "shell", "shell_output"],
    "racetrack_client.utils.time": ["datetime_to_timestamp", "now"],
    "racetrack_client.utils.url": ["join_paths"],
}  # fmt: skip


@pytest.mark.parametrize("module", NAMES)
def test_the_names_of_a_module_are_there(module: str):
    found = importlib.import_module(module)

    assert [name for name in NAMES[module] if not hasattr(found, name)] == []


def test_the_parameters_that_scripts_use_are_there():
    assert list(inspect.signature(send_deploy_request).parameters) == [
        "workdir", "client_config", "lifecycle_url", "force",
        "build_context_method", "extra_vars", "build_flags",
    ]  # fmt: skip
    assert list(inspect.signature(install_plugin).parameters) == [
        "plugin_uri", "lifecycle_url", "client_config", "replace"
    ]  # fmt: skip


def test_the_port_and_the_variables_of_a_job():
    module = importlib.import_module("racetrack_client.client.run")
    merge_env_vars = importlib.import_module("racetrack_client.client.env").merge_env_vars

    assert module.JOB_INTERNAL_PORT == 7000
    assert merge_env_vars({"A": "1", "B": "1"}, {"B": "2"}) == {"A": "1", "B": "2"}
    assert merge_env_vars(None, None) == {}


def test_deploying_starts_fast_because_little_is_imported():
    script = "import racetrack_client.__main__, racetrack_client.commands.deploy, sys; print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    slow = {"httpx", "rich.console", "socketio", "racetrack_commons", "lifecycle"}
    assert slow & set(done.stdout.split()) == set()
    assert "racetrack_client.commands.plugins" not in done.stdout.split()
