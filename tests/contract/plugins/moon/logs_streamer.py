from lifecycle.monitor.base import LogsStreamer
from racetrack_client.utils.shell import CommandError, CommandOutputStream
from racetrack_commons.deploy.resource import job_resource_name


class MoonLogsStreamer(LogsStreamer):
    def __init__(self, directory):
        super().__init__()
        self.directory = directory
        self.sessions = {}

    def create_session(self, session_id, resource_properties, on_next_line):
        name = job_resource_name(
            resource_properties["job_name"], resource_properties["job_version"]
        )
        tail = resource_properties.get("tail", 20)

        def on_line(line: str):
            on_next_line(session_id, line)

        def on_error(error: CommandError):
            on_next_line(session_id, f"tail ended with {error.returncode}")

        command = f'tail -n {tail} -f "{self.directory / name}.log"'
        self.sessions[session_id] = CommandOutputStream(
            command, on_next_line=on_line, on_error=on_error
        )

    def close_session(self, session_id):
        self.sessions.pop(session_id).interrupt()
