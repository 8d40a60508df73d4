from concurrent.futures import ThreadPoolExecutor

import pytest
from lifecycle.audit import describe_event
from lifecycle.auth.authenticate import ANONYMOUS_SUBJECT, AuthSubject, make_subject
from lifecycle.auth.password_check import (
    LoginCredentials,
)
from lifecycle.auth.tokens import Tokens
from lifecycle.auth.users import (
    FirstAdminSettings,
    RightsChange,
    Users,
    change_rights,
    check_may_set_password,
    create_first_admin,
)
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.domain.audit import AuditFilter
from lifecycle.domain.auth import UserRights
from lifecycle.domain.secrets import SecretBox
from pydantic import SecretStr
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import (
    AlreadyExists,
    EntityNotFound,
    UnauthorizedError,
    ValidationError,
)
from racetrack_commons.auth.token import admin_token
from racetrack_commons.entities.audit import AuditEventType

KEY = SecretStr("a key for tests, long enough for HS256")
BOX = SecretBox(SecretStr("a key of stored secrets"))
ANNA, PASSWORD = "anna@example.com", "correct horse"


def as_anna(password: str = PASSWORD, address: str = "192.0.2.1") -> LoginCredentials:
    return LoginCredentials(ANNA, password, address)


def list_events(unit_of_work: UnitOfWorkFactory) -> list[tuple[str, str | None, str | None]]:
    with unit_of_work.reading() as uow:
        return [
            (event.event_type, event.username_executor, event.username_subject)
            for event in uow.audit.list_newest(AuditFilter())
        ]


def test_a_registered_user_has_to_be_activated(unit_of_work, users: Users):
    users.register(ANNA, PASSWORD)
    with pytest.raises(UnauthorizedError):
        users.log_in(as_anna())
    with unit_of_work() as uow:
        uow.users.set_active(ANNA, active=True)
    assert users.log_in(as_anna()).user.username == ANNA


def test_a_registered_user_may_not_deploy_the_jobs_of_others(unit_of_work, users: Users, anna: str):
    with unit_of_work.reading() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.get(anna).id)
        scopes = {permission.scope for permission in uow.permissions.list_of_subject(subject.id)}
    assert scopes == {"read_job", "call_job", "deploy_new_family"}
    assert list_events(unit_of_work) == [(AuditEventType.USER_REGISTERED, ANNA, None)]


@pytest.mark.parametrize("name", [ANNA, "Anna@Example.com"])
def test_a_taken_name_is_refused_however_it_is_written(users: Users, anna: str, name: str):
    with pytest.raises(AlreadyExists):
        users.register(name, PASSWORD)


@pytest.mark.parametrize(
    "name",
    [
        *("", "anna b", "anna @example.com", "user:a@b", "a/b", "a" * 151),
        *(
            "--everything",
            "-h",
            ".",
            "..",
            "_anna",
            "\u0430nna",
            "anna\n",
            "anonymous",
            "Anonymous",
        ),
    ],
)
def test_a_name_that_could_be_taken_for_something_else_is_refused(users: Users, name: str):
    with pytest.raises(ValidationError, match=r"ASCII letters, digits|150 characters|is reserved"):
        users.register(name, PASSWORD)


def test_logging_in_hands_out_the_newest_valid_token(users: Users, anna: str, clock, unit_of_work):
    with unit_of_work() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.get(anna).id)
        clock.advance(1)
        newest = users.tokens.create(uow, subject)
        clock.advance(1)
        users.tokens.create(uow, subject, expiry_time=clock.now())
    assert users.log_in(as_anna()).token == newest.text
    assert list_events(unit_of_work)[0] == (AuditEventType.USER_LOGGED_IN, ANNA, None)
    with unit_of_work.reading() as uow:
        assert uow.users.get(anna).last_login == clock.now()


def test_logging_in_without_a_valid_token_makes_one(users: Users, anna: str, unit_of_work, clock):
    with unit_of_work() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.get(anna).id)
        for token in uow.auth_tokens.list_of_subject(subject.id):
            uow.auth_tokens.remove(subject.id, token.id)
    logged_in = users.log_in(as_anna())
    with unit_of_work.reading() as uow:
        assert uow.auth_tokens.find(logged_in.token).is_valid(clock.now())


def test_who_knows_the_old_password_can_change_it(users: Users, anna: str, unit_of_work, clock):
    with pytest.raises(UnauthorizedError):
        users.change_password(as_anna("wrong"), "battery staple")
    with pytest.raises(ValidationError, match="username"):
        users.change_password(as_anna(), "anna's battery")
    clock.advance(1)
    users.change_password(as_anna(), "battery staple")
    assert list_events(unit_of_work)[0] == (AuditEventType.PASSWORD_CHANGED, ANNA, ANNA)
    assert users.log_in(as_anna("battery staple")).user.username == anna


def create_admin(unit_of_work, clock, password=None, *, development=False):
    settings = FirstAdminSettings(development_mode=development, password=password)
    with unit_of_work() as uow:
        return create_first_admin(uow, settings, Tokens(KEY, BOX, clock))


def as_admin(password: str) -> LoginCredentials:
    return LoginCredentials("admin", password, "192.0.2.1")


def test_the_first_admin_of_a_development_machine_is_known(users, unit_of_work, clock):
    assert create_admin(unit_of_work, clock, development=True) is None
    logged_in = users.log_in(as_admin("admin"))
    assert (logged_in.token, logged_in.user.is_staff) == (admin_token(KEY.get_secret_value()), True)


def test_elsewhere_the_first_admin_gets_a_password_of_its_own(users, unit_of_work, clock):
    generated = create_admin(unit_of_work, clock)
    with pytest.raises(UnauthorizedError):
        users.log_in(as_admin("admin"))
    assert users.log_in(as_admin(generated)).token != admin_token(KEY.get_secret_value())


def test_the_password_of_the_first_admin_can_be_set(users, unit_of_work, clock):
    assert create_admin(unit_of_work, clock, SecretStr(PASSWORD)) is None
    users.log_in(as_admin(PASSWORD))


def test_of_two_services_that_start_together_one_adds_the_admin(unit_of_work, clock):
    with ThreadPoolExecutor(2) as threads:
        starts = [threads.submit(create_admin, unit_of_work, clock) for _ in range(2)]
    passwords = [start.result() for start in starts]
    assert passwords.count(None) == 1
    with unit_of_work.reading() as uow:
        assert [user.username for user in uow.users.list_all()] == ["admin"]


def test_where_somebody_is_no_admin_is_added(unit_of_work, clock, anna):
    assert create_admin(unit_of_work, clock, development=True) is None
    with unit_of_work.reading() as uow:
        assert uow.users.find("admin") is None


def test_the_first_admin_may_do_everything(unit_of_work, clock):
    create_admin(unit_of_work, clock, development=True)
    with unit_of_work.reading() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.get("admin").id)
        permissions = uow.permissions.list_of_subject(subject.id)
    assert [permission.scope for permission in permissions] == [AuthScope.FULL_ACCESS]


PLAIN = UserRights(is_active=True, is_staff=False, is_superuser=False)
STAFF = UserRights(is_active=True, is_staff=True, is_superuser=False)
SUPER = UserRights(is_active=True, is_staff=True, is_superuser=True)


@pytest.fixture
def add_user(uow: UnitOfWork, clock):
    def add(name: str, rights: UserRights) -> AuthSubject:
        user = uow.users.add(name, "hash", clock.now())
        uow.users.set_rights(name, rights)
        return make_subject(uow.auth_subjects.get_or_add_of_user(user.id))

    return add


@pytest.fixture
def inactive_anna(add_user) -> str:
    return add_user("anna", PLAIN.model_copy(update={"is_active": False})).name


@pytest.fixture
def staff(add_user) -> AuthSubject:
    return add_user("staff", STAFF)


@pytest.fixture
def superuser(add_user) -> AuthSubject:
    return add_user("super", SUPER)


def test_staff_activates_users(uow: UnitOfWork, inactive_anna, staff, clock):
    assert change_rights(
        uow, inactive_anna, RightsChange(is_active=True), staff, clock.now()
    ).is_active
    uow.session.flush()
    [event] = uow.audit.list_newest(AuditFilter())
    assert event.properties == {"before": {"is_active": False}, "after": {"is_active": True}}
    assert describe_event(event) == "staff changed the rights of anna: is_active = true"


def test_what_is_so_already_is_no_change(uow: UnitOfWork, inactive_anna, staff, clock):
    change_rights(uow, inactive_anna, RightsChange(is_active=False), staff, clock.now())
    assert uow.audit.list_newest(AuditFilter()) == []


@pytest.mark.parametrize("change", [RightsChange(is_staff=True), RightsChange(is_superuser=True)])
def test_only_superusers_make_others_powerful(
    uow: UnitOfWork, inactive_anna, staff, superuser, clock, change
):
    with pytest.raises(UnauthorizedError, match="superuser"):
        change_rights(uow, inactive_anna, change, staff, clock.now())
    changed = change_rights(uow, inactive_anna, change, superuser, clock.now())
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


def test_passwords_are_set_by_who_manages_the_user(
    uow: UnitOfWork, inactive_anna, staff, superuser
):
    check_may_set_password(uow, uow.users.get(inactive_anna), staff)
    check_may_set_password(uow, uow.users.get("staff"), superuser)
    with pytest.raises(UnauthorizedError):
        check_may_set_password(uow, uow.users.get("super"), staff)
    with pytest.raises(ValidationError, match="the old one"):
        check_may_set_password(uow, uow.users.get("super"), superuser)


def test_where_no_token_is_demanded_anybody_manages_everybody(
    uow: UnitOfWork, inactive_anna, staff, clock
):
    change_rights(uow, "staff", RightsChange(is_staff=False), ANONYMOUS_SUBJECT, clock.now())
    assert not uow.users.get("staff").is_staff


def test_an_unknown_user_is_not_found(uow: UnitOfWork, superuser, clock):
    with pytest.raises(EntityNotFound):
        change_rights(uow, "nobody", RightsChange(is_active=True), superuser, clock.now())


def test_a_user_whom_staff_adds_is_active_and_may_do_nothing_yet(unit_of_work, users: Users):
    assert users.add("ben", PASSWORD, executor="admin") is None

    assert users.log_in(LoginCredentials("ben", PASSWORD, "192.0.2.1")).user.username == "ben"
    with unit_of_work.reading() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.get("ben").id)
        assert uow.permissions.list_of_subject(subject.id) == []
    assert (AuditEventType.USER_ADDED, "admin", "ben") in list_events(unit_of_work)


def test_a_password_is_generated_for_a_user_without_one(users: Users):
    generated = users.add("ben", None, executor="admin")
    assert users.log_in(LoginCredentials("ben", generated, "192.0.2.1")).user.username == "ben"


def test_adding_a_user_checks_name_and_password(users: Users, anna: str):
    with pytest.raises(AlreadyExists, match="racetrack user list"):
        users.add(ANNA.upper(), None, executor="admin")
    for name, password in (("a b", PASSWORD), ("ben", "weak")):
        with pytest.raises(ValidationError):
            users.add(name, password, executor="admin")
