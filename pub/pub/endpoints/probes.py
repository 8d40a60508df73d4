"""The probes of the gateway."""

from racetrack_commons.api.probes import ProbeAnswer, Probes

from pub.config import Config
from pub.metrics import PubMetrics
from pub.routing.answers import Answers


def create_probes(config: Config, answers: Answers, metrics: PubMetrics) -> Probes:
    """Make the probes; a gateway that never reached Lifecycle knows no caller and is not ready."""

    async def live() -> ProbeAnswer:
        return ProbeAnswer({"live": True})

    async def ready() -> ProbeAnswer:
        # Once met, Lifecycle may go away: the callers that are known go on calling.
        return ProbeAnswer(
            {"ready": answers.has_met_lifecycle}, 200 if answers.has_met_lifecycle else 503
        )

    async def health() -> ProbeAnswer:
        metrics.count("pub_health_requests")
        return ProbeAnswer(
            {
                "service": "pub",
                "version": config.git_version,
                "status": "pass",
                "auth_required": config.auth_required,
            }
        )

    return Probes("pub", live, ready, health)
