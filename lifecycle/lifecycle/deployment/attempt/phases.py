"""The phases of a deployment, and the name that deploys lost jobs again."""

from enum import StrEnum

RECONCILER = "racetrack"
"""The deployer of lost jobs that are started again."""


class Phase(StrEnum):
    """Texts that clients show and the contract fixes; the Image Builder adds phases of its own while it builds."""

    BUILDING_IMAGE = "building image"
    CREATING_RESOURCES = "creating cluster resources"
    STARTING_SERVER = "starting Job server"
    INITIALIZING_ENTRYPOINT = "initializing Job entrypoint"
    POST_DEPLOY_HOOKS = "post-deploy hooks"
    CLEARING_FORMER_TARGET = "deleting job from a former infrastructure"
