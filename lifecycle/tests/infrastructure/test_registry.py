import pytest
from lifecycle.config import BuiltInTarget
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.answer_watch import AnswerWatch
from lifecycle.infrastructure.docker.keeper import DockerKeeper
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.registry import InfrastructureRegistry, load_targets
from lifecycle.infrastructure.revival_failures import RevivalFailures
from racetrack_client.log.errors import ValidationError
from racetrack_commons.clock import Clock


def test_only_the_named_built_in_targets_are_made(config, unit_of_work):
    def load(*names):
        settings = config.model_copy(update={"built_in_targets": names})
        return load_targets(settings, unit_of_work, SecretBox(config.secret_key), Clock())

    assert load() == {}
    targets = load(BuiltInTarget.PROCESS)
    assert {name: target.name for name, target in targets.items()} == {"process": "process"}


def test_a_target_knows_which_images_it_runs():
    registry = InfrastructureRegistry(
        {"process": InfrastructureTarget(image_kind="process")},
        lambda: {"of-a-plugin": InfrastructureTarget()},
    )

    assert registry.get_image_kind("process") == "process"
    assert registry.get_image_kind("of-a-plugin") == "docker"
    with pytest.raises(ValidationError, match="there are: of-a-plugin, process"):
        registry.get_image_kind("elsewhere")


def test_a_target_of_a_plugin_replaces_the_built_in_one_and_its_keeper():
    built_in, of_plugin = InfrastructureTarget(name="built in"), InfrastructureTarget(name="other")
    registry = InfrastructureRegistry({"process": built_in}, lambda: {"process": of_plugin})

    assert registry.get("process") is of_plugin
    assert registry.list_keepers() == []
    assert registry.list_named("process") == [of_plugin, built_in]


def test_a_built_in_keeper_rests_a_second_after_a_plugin_has_replaced_its_target(clock):
    keeper = DockerKeeper(None, RevivalFailures(), AnswerWatch(), Clock())
    of_plugins = {}
    built_in = {"docker": InfrastructureTarget(keeper=keeper)}
    asked = []

    def ask_plugins():
        asked.append(True)
        return of_plugins

    registry = InfrastructureRegistry(built_in, ask_plugins, clock)

    assert all(registry.is_in_charge(keeper) for _ in range(10))
    assert asked == [True]
    of_plugins["docker"] = InfrastructureTarget()
    clock.advance(1)
    assert not registry.is_in_charge(keeper)
    assert registry.list_keepers() == [keeper]
    of_plugins.clear()
    clock.advance(1)
    assert registry.is_in_charge(keeper)
