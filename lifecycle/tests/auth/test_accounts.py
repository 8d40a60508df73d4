import pytest
from lifecycle.auth.accounts import RightsChange, change_rights, check_may_set_password
from lifecycle.auth.authenticate import ANONYMOUS_SUBJECT, AuthSubject, make_subject
from lifecycle.database.dto import UserRights
from lifecycle.database.repositories.audit import AuditFilter
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.endpoints.audit_text import explain
from racetrack_client.log.errors import EntityNotFound, UnauthorizedError, ValidationError

PLAIN = UserRights(is_active=True, is_staff=False, is_superuser=False)
STAFF = UserRights(is_active=True, is_staff=True, is_superuser=False)
SUPER = UserRights(is_active=True, is_staff=True, is_superuser=True)


@pytest.fixture
def add_user(uow: UnitOfWork, clock):
    def add(name: str, rights: UserRights) -> AuthSubject:
        user = uow.users.add(name, "hash", clock.now())
        uow.users.set_rights(name, rights)
        return make_subject(uow.auth_subjects.ensure_of_user(user.id))

    return add


@pytest.fixture
def anna(add_user) -> str:
    return add_user("anna", PLAIN.model_copy(update={"is_active": False})).name


@pytest.fixture
def staff(add_user) -> AuthSubject:
    return add_user("staff", STAFF)


@pytest.fixture
def superuser(add_user) -> AuthSubject:
    return add_user("super", SUPER)


def test_staff_activates_users(uow: UnitOfWork, anna, staff, clock):
    assert change_rights(uow, anna, RightsChange(is_active=True), staff, clock.now()).is_active
    uow.session.flush()
    [event] = uow.audit.list_newest(AuditFilter())
    assert event.properties == {"before": {"is_active": False}, "after": {"is_active": True}}
    assert explain(event) == "staff changed the rights of anna: is_active = true"


def test_what_is_so_already_is_no_change(uow: UnitOfWork, anna, staff, clock):
    change_rights(uow, anna, RightsChange(is_active=False), staff, clock.now())
    assert uow.audit.list_newest(AuditFilter()) == []


@pytest.mark.parametrize("change", [RightsChange(is_staff=True), RightsChange(is_superuser=True)])
def test_only_superusers_make_others_powerful(
    uow: UnitOfWork, anna, staff, superuser, clock, change
):
    with pytest.raises(UnauthorizedError, match="superuser"):
        change_rights(uow, anna, change, staff, clock.now())
    changed = change_rights(uow, anna, change, superuser, clock.now())
    assert changed.is_staff or changed.is_superuser


def test_staff_does_not_switch_staff_off(uow: UnitOfWork, add_user, staff, superuser, clock):
    add_user("other", STAFF)
    for name in ("other", "super"):
        with pytest.raises(UnauthorizedError):
            change_rights(uow, name, RightsChange(is_active=False), staff, clock.now())
    assert not change_rights(
        uow, "other", RightsChange(is_active=False), superuser, clock.now()
    ).is_active


def test_nobody_locks_themselves_out(uow: UnitOfWork, superuser, clock):
    for change in (RightsChange(is_active=False), RightsChange(is_superuser=False)):
        with pytest.raises(ValidationError, match="own rights"):
            change_rights(uow, "super", change, superuser, clock.now())


def test_passwords_are_set_by_who_manages_the_user(uow: UnitOfWork, anna, staff, superuser):
    check_may_set_password(uow, uow.users.get(anna), staff)
    check_may_set_password(uow, uow.users.get("staff"), superuser)
    with pytest.raises(UnauthorizedError):
        check_may_set_password(uow, uow.users.get("super"), staff)
    with pytest.raises(ValidationError, match="the old one"):
        check_may_set_password(uow, uow.users.get("super"), superuser)


def test_where_no_token_is_demanded_anybody_manages_everybody(uow: UnitOfWork, anna, staff, clock):
    change_rights(uow, "staff", RightsChange(is_staff=False), ANONYMOUS_SUBJECT, clock.now())
    assert not uow.users.get("staff").is_staff


def test_an_unknown_user_is_not_found(uow: UnitOfWork, superuser, clock):
    with pytest.raises(EntityNotFound):
        change_rights(uow, "nobody", RightsChange(is_active=True), superuser, clock.now())
