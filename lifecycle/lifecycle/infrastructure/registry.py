"""The infrastructure targets of this platform: the built-in ones and those of plugins."""

from collections.abc import Callable, Mapping

from racetrack_client.log.errors import ValidationError

from lifecycle.infrastructure.keeper import TargetKeeper
from lifecycle.infrastructure.model import InfrastructureTarget


class InfrastructureRegistry:
    """Looks targets up by name."""

    def __init__(
        self,
        built_in: Mapping[str, InfrastructureTarget],
        of_plugins: Callable[[], Mapping[str, InfrastructureTarget]] = dict,
    ) -> None:
        self._built_in = dict(built_in)
        self._of_plugins = of_plugins

    def targets(self) -> dict[str, InfrastructureTarget]:
        """Return all targets by name; a plugin's target replaces a built-in one of the same name."""
        return {**self._built_in, **self._of_plugins()}

    def names(self) -> list[str]:
        """List the names, sorted."""
        return sorted(self.targets())

    def keepers(self) -> list[TargetKeeper]:
        """List the keepers of the targets that have one."""
        return [target.keeper for target in self.targets().values() if target.keeper]

    def get(self, name: str) -> InfrastructureTarget:
        """Return a target; ValidationError lists those there are."""
        target = self.targets().get(name)
        if target is None:
            raise ValidationError(
                f"there is no infrastructure target {name!r}; there are: {', '.join(self.names()) or 'none'}"
            )
        return target

    def choose(self, wanted: str | None, default: str | None) -> str:
        """Choose the target of a job: the one it wants, the only one, or the default; ValidationError otherwise."""
        names = self.names()
        if wanted:
            self.get(wanted)
            return wanted
        if len(names) == 1:
            return names[0]
        if default:
            self.get(default)
            return default
        raise ValidationError(
            f"the manifest must name its infrastructure_target, one of: {', '.join(names) or 'none is installed'}"
        )

    def image_kind(self, name: str) -> str:
        """Return the kind of image that a target runs, in Image Builder's words; ValidationError as `get`."""
        return self.get(name).image_kind
