"""Targets of remote machines as published plugins bring them: docker commands at a gateway, which also forwards probes."""

import sys

from racetrack_client.utils.datamodel import parse_yaml_file_datamodel

from plugin_config import PluginConfig

if "lifecycle" in sys.modules:
    from lifecycle.infrastructure.model import InfrastructureTarget

    from remote import RemoteDeployer, RemoteLogsStreamer, RemoteMonitor


class Plugin:
    def __init__(self):
        self.config = parse_yaml_file_datamodel(self.config_path, PluginConfig)

    def infrastructure_targets(self):
        return {
            name: InfrastructureTarget(
                name=name,
                job_deployer=RemoteDeployer(name, gateway),
                job_monitor=RemoteMonitor(name, gateway),
                logs_streamer=RemoteLogsStreamer(),
                remote_gateway_url=gateway.remote_gateway_url,
                remote_gateway_token=gateway.remote_gateway_token,
                # Not of the published plugins: the stack of the tests builds no images of containers.
                image_kind="process",
            )
            for name, gateway in self.config.infrastructure_targets.items()
        }
