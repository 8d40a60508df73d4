import pytest
from image_builder.config import ImageBuilderConfig
from racetrack_client.entities import ImageKind
from racetrack_commons.settings import SettingsError


@pytest.fixture(autouse=True)
def set_up(monkeypatch):
    monkeypatch.setenv("DEVELOPMENT_MODE", "true")


def test_kinds_of_images_are_named_with_commas_between(monkeypatch):
    monkeypatch.setenv("IMAGE_KINDS", "process, docker")

    assert ImageBuilderConfig.load().image_kinds == (ImageKind.PROCESS, ImageKind.DOCKER)


def test_by_default_a_builder_makes_images_of_processes():
    assert ImageBuilderConfig.load().image_kinds == (ImageKind.PROCESS,)


def test_an_unknown_kind_is_refused(monkeypatch):
    monkeypatch.setenv("IMAGE_KINDS", "floppy")

    with pytest.raises(SettingsError, match="IMAGE_KINDS"):
        ImageBuilderConfig.load()
