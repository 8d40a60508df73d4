from pydantic import BaseModel


class Gateway(BaseModel, extra="forbid"):
    remote_gateway_url: str
    remote_gateway_token: str = ""


class PluginConfig(BaseModel, extra="forbid"):
    infrastructure_targets: dict[str, Gateway] = {}
