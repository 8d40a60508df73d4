import os
import signal
import subprocess
import sys

from image_builder.pipeline.workspace import Workspaces
from racetrack_commons.testing.serving import wait_until

BUILDER = """
import pathlib, sys, time
from image_builder.pipeline.workspace import Workspaces
workspaces = Workspaces(pathlib.Path(sys.argv[1]))
workspaces.start()
with workspaces.open("killed") as workspace:
    (workspace / "secret").write_text("x")
    time.sleep(60)
"""


def test_leftovers_of_a_killed_builder_go_and_those_of_living_ones_stay(tmp_path):
    living = Workspaces(tmp_path)
    living.start()
    with living.open("deployment") as kept:
        builder = subprocess.Popen([sys.executable, "-c", BUILDER, str(tmp_path)])
        wait_until(lambda: list(tmp_path.rglob("secret")), 30)
        os.kill(builder.pid, signal.SIGKILL)
        builder.wait()

        next_one = Workspaces(tmp_path)
        next_one.start()

        assert list(tmp_path.rglob("secret")) == []
        assert kept.is_dir()
    assert not kept.exists()
    next_one.stop()
    living.stop()
    assert list(tmp_path.iterdir()) == []


def test_what_a_builder_kept_goes_when_the_next_one_cleans_up(tmp_path):
    keeping = Workspaces(tmp_path, clean_up=False)
    keeping.start()
    with keeping.open("deployment") as workspace:
        pass
    keeping.stop()
    assert workspace.is_dir()
    living = Workspaces(tmp_path, clean_up=False)
    living.start()

    cleaning = Workspaces(tmp_path)
    cleaning.start()

    assert not workspace.exists()
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2
    living.stop()
    cleaning.stop()
