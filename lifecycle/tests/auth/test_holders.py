import pytest
from lifecycle.auth.holders import get_holder
from lifecycle.database.unit_of_work import UnitOfWork
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_commons.auth.token import AuthSubjectType


@pytest.fixture
def everybody(uow: UnitOfWork, clock) -> None:
    uow.users.add("adder", "hash", clock.now())
    uow.users.add("anna@example.com", "hash", clock.now())
    uow.families.get_or_add("adder")
    uow.escs.add("shop", "esc-1")
    uow.escs.add("twin", "esc-2")
    uow.escs.add("twin", "esc-3")


@pytest.mark.parametrize(
    ("text", "subject_type", "name"),
    [
        ("anna@example.com", AuthSubjectType.USER, "anna@example.com"),
        ("user:adder", AuthSubjectType.USER, "adder"),
        ("job_family:adder", AuthSubjectType.JOB_FAMILY, "adder"),
        ("shop", AuthSubjectType.ESC, "esc-1"),
        ("esc-1", AuthSubjectType.ESC, "esc-1"),
        ("esc:esc-3", AuthSubjectType.ESC, "esc-3"),
    ],
)
def test_holders_are_found_by_the_names_that_people_use(
    uow: UnitOfWork, everybody, text, subject_type, name
):
    holder = get_holder(uow, text)
    assert (holder.subject_type, holder.name) == (subject_type, name)


@pytest.mark.parametrize(
    ("text", "hint"),
    [("adder", "user:adder or job_family:adder"), ("twin", "esc:esc-[23] or esc:esc-[23]")],
)
def test_a_name_of_several_is_refused_with_their_full_names(uow: UnitOfWork, everybody, text, hint):
    with pytest.raises(ValidationError, match=hint):
        get_holder(uow, text)


@pytest.mark.parametrize("text", ["nobody", "esc:adder", "internal:pub", "plane:adder", ""])
def test_a_name_of_nobody_is_not_found(uow: UnitOfWork, everybody, text):
    with pytest.raises(EntityNotFound):
        get_holder(uow, text)


def test_a_holder_that_has_a_row_is_found_with_it(uow: UnitOfWork, everybody):
    row = uow.auth_subjects.get_or_add_of_esc("esc-1")
    assert get_holder(uow, "shop").id == row.id
    assert get_holder(uow, "job_family:adder").id == ""
