"""The port of deployers that hold two instances of a job side by side, for deployments without downtime."""

from abc import abstractmethod
from typing import Any, ClassVar

from racetrack_client.manifest import Manifest
from racetrack_commons.entities.dto import JobDto

from lifecycle.deployer.base import JobDeployer
from lifecycle.domain.instance import Instance, InstanceSpec


class JobCrashed(RuntimeError):
    """An instance ended by itself; the message holds its exit code and last log lines."""


class InstanceNotStarted(RuntimeError):
    """An instance can't be started; the message names the cause and the cure."""


class ImageGone(InstanceNotStarted):
    """The image is missing or damaged, and has to be built again."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; redeploy the job to build it again")
        self.what = what
        """A description of the missing image, such as `image adder:1 is gone`."""


class InstanceDeployer(JobDeployer):
    """A deployer that starts a new instance beside the serving one.

    The deployment whose id the instance has starts it, waits for it, and stops the former one only
    when the new one serves. Each method may be called again after a crash of its caller.
    """

    settling_seconds: ClassVar[float] = 0
    """Seconds after the start of a new instance in which its address may lead to another program; bad answers don't count."""

    def deploy_job(self, *_: Any, **__: Any) -> JobDto:
        """Refuse to replace the job in place.

        Returns nothing.
        Raises NotImplementedError.
        Called by nothing in Lifecycle, as deployments call `start_instance` when there is one.
        Called from any thread.
        """
        raise NotImplementedError("built-in targets start instances; use start_instance")

    @abstractmethod
    def start_instance(self, spec: InstanceSpec) -> Instance:
        """Start the instance, unless it is started already.

        Returns the instance with the addresses of its replicas; it need not answer yet.
        Raises InstanceNotStarted when it can't be started, and ImageGone when another build can
        help: the deployment then builds the image and calls again.
        Called when a deployment reaches its second step, also by a worker that continues it.
        Called from the thread of the worker that carries the deployment on.
        """

    def keep_instance(self, instance_id: str) -> None:
        """From now on, start replicas of the instance again when they end.

        Returns nothing.
        Raises any error when the target can't be reached; the deployment fails with it.
        Called when the instance has shown that it works, before it serves.
        Called from the thread of the worker that carries the deployment on.
        """

    def check_manifest(self, manifest: Manifest) -> None:
        """Look at what the manifest asks for, as far as that is known before anything is built.

        Returns nothing.
        Raises InstanceNotStarted when this target could never start an instance of it.
        Called when a deployment is asked for.
        Called from the thread of an endpoint.
        """

    def list_unmet_wishes(self, manifest: Manifest) -> list[str]:  # noqa: ARG002 - for targets that override it
        """Return a warning for each key of the manifest that has no effect on this target, perhaps none.

        Raises nothing.
        Called when the instance has shown that it works; users see the warnings with the deployment.
        Called from the thread of the worker that carries the deployment on.
        """
        return []

    def ask_to_end(self, instance_id: str) -> None:
        """Ask the instance to end once its running calls have ended, without waiting for that.

        Returns nothing, also when the target does not know the instance.
        Raises any error when the target can't be reached; the reaper asks again.
        Called when gateways send the instance no more calls; `stop_instance` follows later.
        Called from the thread of the reaper.
        """

    def has_ended(self, instance_id: str) -> bool:  # noqa: ARG002 - for targets that override it
        """Return whether no replica of the instance runs any more; True if the target can't tell.

        Raises any error when the target can't be reached; the reaper asks again.
        Called again and again after `ask_to_end`, until it returns True or the instance's time is over.
        Called from the thread of the reaper.
        """
        return True

    @abstractmethod
    def stop_instance(self, instance_id: str, grace_seconds: float) -> None:
        """Ask the instance to end, wait `grace_seconds`, then kill it.

        Returns nothing, also when the target does not know the instance.
        Raises any error when the target can't be reached; the reaper tries again a minute later.
        Called when the instance has drained, its job was deleted, or its deployment failed.
        Called from the thread of the reaper, of an endpoint or of a deployment worker.
        """

    @abstractmethod
    def has_instance(self, instance_id: str) -> bool:
        """Return whether the target knows the instance.

        Raises any error when the target can't be reached.
        Called by tests and tools, when they want to know; Lifecycle itself does not call it.
        Called from any thread.
        """

    @abstractmethod
    def check_instance(self, instance_id: str) -> None:
        """Check that all replicas of the instance run.

        Returns nothing.
        Raises JobCrashed when a replica has ended by itself, or the target does not know the instance.
        Called before each round of probes while a deployment waits, and after its examples.
        Called from the thread of the worker that carries the deployment on.
        """

    def has_started(self, instance_id: str) -> bool:  # noqa: ARG002 - for targets that override it
        """Return whether all replicas of the instance run, so that a bad answer may be one of theirs.

        Raises any error when the target can't be reached; the deployment fails with it.
        Called when a bad answer came from an address of the instance, where `settling_seconds` is more than 0.
        Called from the thread of the worker that carries the deployment on.
        """
        return True

    def has_lost_address(self, instance_id: str) -> bool:  # noqa: ARG002 - for targets that override it
        """Return whether another program holds an address of the instance.

        Raises any error when the target can't be reached.
        Called when the instance did not start, or did not prove its identity: the deployment then
        stops it and starts it again at another address.
        Called from the thread of the worker that carries the deployment on.
        """
        return False

    @abstractmethod
    def list_instances(self) -> list[Instance]:
        """Return all instances that the target knows, perhaps none.

        Raises any error when the target can't be reached.
        Called when all instances of a deleted job are looked for, by built-in targets themselves.
        Called from any thread.
        """
