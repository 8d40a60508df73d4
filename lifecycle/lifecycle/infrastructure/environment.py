"""The variables that jobs run with, the same on all built-in targets."""

from racetrack_commons.api.tracing import get_tracing_header_name

from lifecycle.config import Config
from lifecycle.deployer.instances import InstanceNotStarted, InstanceSpec


def make_platform_variables(spec: InstanceSpec, config: Config) -> dict[str, str]:
    """Return what the platform tells every job."""
    variables = {
        "PUB_URL": config.internal_pub_url,
        "JOB_NAME": spec.manifest.name,
        "JOB_VERSION": spec.manifest.version,
        "AUTH_TOKEN": spec.family_token,
        "JOB_DEPLOYMENT_TIMESTAMP": str(spec.deployment_timestamp),
        "REQUEST_TRACING_HEADER": get_tracing_header_name(),
    }
    if config.open_telemetry_enabled:
        variables["OPENTELEMETRY_ENDPOINT"] = config.open_telemetry_endpoint
    return variables


def merge_variables(spec: InstanceSpec, of_platform: dict[str, str]) -> dict[str, str]:
    """Put the user's, the platform's and the plugins' together, later ones win.

    InstanceNotStarted names those of the user's that the platform sets itself.
    """
    of_user = {**spec.runtime_env, **spec.secret_runtime_env}
    if clashes := sorted(set(of_user) & set(of_platform)):
        raise InstanceNotStarted(
            f"runtime_env may not set {', '.join(clashes)}: the platform sets them; choose other names"
        )
    return {**of_user, **of_platform, **spec.plugin_env}
