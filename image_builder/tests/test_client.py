from contextlib import closing

import pytest
from image_builder.testing.builders import a_payload
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_commons.auth.token import internal_token
from racetrack_commons.entities.dto import BuildEventKind, JobImage
from racetrack_commons.entities.image_builder_client import ImageBuilderClient, PruneRefused


def test_the_typed_client_follows_a_build(client, config):
    token = internal_token("lifecycle", config.auth_key.get_secret_value())
    with closing(ImageBuilderClient(str(client.base_url), token)) as typed:
        events = list(typed.build(a_payload()))
        failed = list(typed.build(a_payload({}, deployment_id="2")))
        assert typed.is_healthy()

    assert {event.kind for event in events} >= {BuildEventKind.PHASE, BuildEventKind.LOG}
    assert events[-1].result.image_tag == "tag-1"
    assert "entrypoint_path" in failed[-1].result.error


def test_an_image_kind_that_cannot_be_made_here_is_refused(build):
    assert "makes no docker images" in build(image_kind="docker").error


def test_the_typed_client_asks_for_a_pruning(client, config, build):
    build()
    token = internal_token("lifecycle", config.auth_key.get_secret_value())
    with closing(ImageBuilderClient(str(client.base_url), token)) as typed:
        assert typed.prune([JobImage(job_name="adder", image_tag="tag-1")]) == []
    with (
        closing(ImageBuilderClient(str(client.base_url), "nonsense")) as stranger,
        pytest.raises(PruneRefused, match="removes no images"),
    ):
        stranger.prune([])
    with (
        closing(ImageBuilderClient("http://127.0.0.1:1", token)) as lost,
        pytest.raises(ServiceUnavailable),
    ):
        lost.prune([])
