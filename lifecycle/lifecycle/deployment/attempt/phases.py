"""What a deployment says it is doing; clients show these texts, and the contract fixes them."""

from enum import StrEnum


class Phase(StrEnum):
    """Phases that Lifecycle itself sets; the Image Builder adds its own while it builds."""

    BUILDING_IMAGE = "building image"
    CREATING_RESOURCES = "creating cluster resources"
    STARTING_SERVER = "starting Job server"
    INITIALIZING_ENTRYPOINT = "initializing Job entrypoint"
    POST_DEPLOY_HOOKS = "post-deploy hooks"
    CLEARING_FORMER_TARGET = "deleting job from a former infrastructure"
