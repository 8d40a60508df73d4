from collections.abc import Iterator

import pytest
from lifecycle.auth.job_family import get_job_family_jwt_token
from lifecycle.auth.subject import get_auth_subject_by_job_family
from lifecycle.context import PluginContext, set_context
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox
from lifecycle.job.models_registry import read_job_family_model
from pydantic import SecretStr
from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.auth.token import AuthSubjectType, decode_token

KEY = "a key for tests, long enough for HS256"


@pytest.fixture(autouse=True)
def context(unit_of_work: UnitOfWorkFactory) -> Iterator[None]:
    set_context(PluginContext(unit_of_work, SecretStr(KEY), SecretBox(SecretStr("another key"))))
    yield
    set_context(None)


def test_a_family_gets_one_token_that_stays(unit_of_work: UnitOfWorkFactory):
    with unit_of_work() as uow:
        family = uow.families.get_or_add("adder")
    token = get_job_family_jwt_token("adder")
    payload = decode_token(token, KEY)
    assert (payload.subject, payload.subject_type) == ("adder", AuthSubjectType.JOB_FAMILY)
    assert get_auth_subject_by_job_family(family).token == token
    assert get_auth_subject_by_job_family(read_job_family_model("adder")).token == token


def test_an_unknown_family_has_no_token():
    for ask in (get_job_family_jwt_token, read_job_family_model):
        with pytest.raises(EntityNotFound, match="adder"):
            ask("adder")


def test_outside_of_a_lifecycle_process_plugins_can_ask_nothing():
    set_context(None)
    with pytest.raises(RuntimeError, match="running Lifecycle"):
        get_job_family_jwt_token("adder")
