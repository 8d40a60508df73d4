"""An infrastructure target as published plugins are written: modules beside this one, a shared store, no base class."""

from lifecycle.deployer.infra_target import InfrastructureTarget
from lifecycle.deployer.secrets import JobSecrets
from racetrack_client.utils.datamodel import parse_yaml_file_datamodel

from deployer import MoonDeployer
from logs_streamer import MoonLogsStreamer
from monitor import MoonMonitor
from plugin_config import PluginConfig

secrets_store: dict[str, JobSecrets] = {}


class Plugin:
    def __init__(self):
        self.config = parse_yaml_file_datamodel(self.config_path, PluginConfig)

    def infrastructure_targets(self):
        if self.config.directory is None:
            return {}
        directory = self.config.directory
        return {
            "moon": InfrastructureTarget(
                job_deployer=MoonDeployer(directory, self.plugin_dir, secrets_store),
                job_monitor=MoonMonitor(directory),
                logs_streamer=MoonLogsStreamer(directory),
                # Not of the published plugins: the stack of the tests builds no images of containers.
                image_kind="process",
            )
        }

    def job_runtime_env_vars(self):
        return {"GRAVITY": "1.62"}
