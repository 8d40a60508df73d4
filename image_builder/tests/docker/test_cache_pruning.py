from image_builder.docker.docker_backend import CachePruning
from image_builder.docker.docker_cli import DockerCli
from racetrack_commons.testing.serving import wait_until


def test_it_survives_an_engine_that_is_away(caplog):
    engine = DockerCli({"PATH": "/nowhere"})
    pruning = CachePruning(engine, retention_hours=1, interval_minutes=0.0001)
    pruning.start()
    try:
        wait_until(lambda: caplog.text.count("old build cache can't be removed now") > 1)
    finally:
        pruning.stop()
