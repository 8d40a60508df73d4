from lifecycle.app import prepare_database
from lifecycle.core import create_core, create_deployments
from lifecycle_supervisor.config import Config
from lifecycle_supervisor.tasks import SupervisorTasks
from pydantic import SecretStr


def list_names(tmp_path, **settings):
    config = Config(
        auth_key=SecretStr("a key for tests, long enough for HS256"),
        secret_key=SecretStr("another key for tests"),
        db_type="sqlite",
        db_path=tmp_path / "db.sqlite3",
        plugins_dir=tmp_path / "plugins",
        **settings,
    )
    prepare_database(config)
    core = create_core(config)
    deployments = create_deployments(core)
    try:
        return [task.name for task in SupervisorTasks(config, core, deployments).list_all()]
    finally:
        deployments.stop()
        core.close()


def test_the_targets_there_are_bring_their_chores(tmp_path):
    common = ["sync-jobs", "forget-old-rows", "end-leftovers"]
    assert list_names(tmp_path) == ["keep-processes", "end-strangers", *common]
    assert list_names(tmp_path, built_in_targets=()) == common


def test_lost_jobs_are_brought_back_when_that_is_wanted(tmp_path):
    assert "reconcile" in list_names(tmp_path, reconciliation_loop=True)
