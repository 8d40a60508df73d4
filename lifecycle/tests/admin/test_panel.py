import json
import re

import pytest
from lifecycle.database.tables.auth import AuthTokenRow, UserRow
from lifecycle.domain.audit import AuditFilter
from lifecycle.domain.auth import AuthTokenDto, UserRights
from racetrack_client.log.errors import UnauthorizedError
from racetrack_commons.auth.cookies import (
    JOB_COOKIE,
    MARK_COOKIE,
    PANEL_COOKIE,
    PANEL_FORM_COOKIE,
)
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.testing.builders import a_job
from sqlalchemy import select

PANEL = "/lifecycle/admin"
CREDENTIALS = {"username": "admin", "password": "admin"}


def csrf(client):
    return {"csrftoken": client.cookies.get(PANEL_FORM_COOKIE, "")}


@pytest.fixture
def visitor(client):
    """A browser that has seen the log-in page."""
    assert client.get(f"{PANEL}/login").status_code == 200
    return client


@pytest.fixture
def staff(visitor):
    """A browser in which the admin is logged in."""
    answer = visitor.post(
        f"{PANEL}/login", data=CREDENTIALS | csrf(visitor), follow_redirects=False
    )
    assert answer.status_code == 303
    return visitor


def submit(browser, path, **fields):
    return browser.post(f"{PANEL}/{path}", data=fields | csrf(browser), follow_redirects=False)


def audit_events(app_uow):
    with app_uow.reading() as uow:
        events = uow.audit.list_newest(AuditFilter())
    return [
        (event.event_type, event.properties)
        for event in events
        if event.event_type != AuditEventType.USER_LOGGED_IN
    ]


def find_user(app_uow, username):
    with app_uow.reading() as uow:
        return uow.session.scalar(select(UserRow).where(UserRow.username == username))


def test_a_stranger_is_sent_to_the_log_in(client):
    answer = client.get(f"{PANEL}/user/list", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("http://testserver/lifecycle/admin/login?next=")


def test_the_first_page_leads_to_each_table_and_counts_its_rows(staff):
    page = staff.get(f"{PANEL}/").text
    cards = dict(
        re.findall(
            r'href="[^"]*/admin/([\w-]+)/list"[^>]*class="card.*?mt-1"\s*>(\d+)<', page, re.DOTALL
        )
    )
    assert cards["user"] == "1"
    assert cards["job"] == "0"
    assert "/create" not in page


def test_the_panel_answers_without_a_trailing_slash(client):
    answer = client.get(PANEL, follow_redirects=False)
    assert answer.headers["location"] == "http://testserver/lifecycle/admin/"


def test_a_wrong_password_is_refused_and_not_repeated(visitor):
    answer = submit(visitor, "login", username="admin", password="hunter2")
    assert answer.status_code == 400
    assert "wrong username or password" in answer.text
    assert "hunter2" not in answer.text


def test_a_user_who_is_not_staff_is_refused(visitor, app_uow):
    services = visitor.app.state.services
    services.users.register("ann@example.com", "a-long-password")
    with app_uow() as uow:
        uow.users.set_active("ann@example.com", active=True)

    answer = submit(visitor, "login", username="ann@example.com", password="a-long-password")

    assert answer.status_code == 400
    assert "not one of the staff" in answer.text


def test_its_session_is_for_the_panel_alone(visitor):
    answer = submit(visitor, "login", **CREDENTIALS)
    *_, cookie = answer.headers.get_list("set-cookie")
    assert cookie.startswith("racetrack_panel=")
    # Without a path, a browser takes the directory of the log-in.
    assert cookie.endswith("; HttpOnly; Max-Age=43200; SameSite=strict")
    assert visitor.cookies.get("racetrack_panel", path=PANEL)
    # PUB hands none of these to jobs, nor from them.
    assert set(visitor.cookies) == {JOB_COOKIE, MARK_COOKIE, PANEL_COOKIE, PANEL_FORM_COOKIE}


@pytest.mark.parametrize("name", ["racetrack_panel", "X-Racetrack-Auth"])
def test_nothing_but_its_own_session_opens_the_panel(client, admin, name):
    client.post("/lifecycle/api/v1/users/login", json=CREDENTIALS)
    session = client.cookies["racetrack_jobs"]
    for value in (session, admin["X-Racetrack-Auth"], "garbage"):
        headers = {"Cookie": f"{name}={value}"}
        answer = client.get(f"{PANEL}/user/list", headers=headers, follow_redirects=False)
        assert answer.status_code == 303


def test_pages_of_other_origins_read_nothing_of_the_panel(staff):
    for path in ("", "/", "/user/list", "/login"):
        answer = staff.get(f"{PANEL}{path}", headers={"Origin": "http://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]


FOREIGN = (
    {"Origin": "http://testserver:7205"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
)


@pytest.mark.parametrize("headers", FOREIGN)
def test_pages_of_other_origins_neither_read_nor_write_with_the_cookie(staff, app_uow, headers):
    url = f"{PANEL}/esc"
    read = staff.get(f"{url}/list", headers=headers, follow_redirects=False)
    form = {"name": "spy"} | csrf(staff)  # Any page of the host can make a valid token.
    written = staff.post(f"{url}/create", data=form, headers=headers, follow_redirects=False)

    assert (read.status_code, written.status_code) == (303, 403)
    with app_uow.reading() as uow:
        assert uow.escs.list_all() == []


def test_a_link_of_another_page_opens_the_panel(staff):
    headers = {
        "Sec-Fetch-Site": "same-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    page = staff.get(f"{PANEL}/esc/list", headers=headers, follow_redirects=False)
    assert page.status_code == 200
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"


def test_logging_out_closes_it_also_for_a_copy_of_the_session(staff):
    copy = {"Cookie": f"racetrack_panel={staff.cookies['racetrack_panel']}"}
    assert submit(staff, "logout").status_code == 303
    assert "racetrack_panel" not in staff.cookies
    for headers in ({}, copy):
        page = staff.get(f"{PANEL}/user/list", headers=headers, follow_redirects=False)
        assert page.status_code == 303


def test_a_form_without_the_token_against_forgery_is_refused(staff):
    answer = staff.post(f"{PANEL}/esc/create", data={"name": "batch"}, follow_redirects=False)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "view",
    [
        "job", "job-family", "deployment", "public-endpoint", "trash-job", "async-job-call", "user", "esc",
        "auth-subject", "auth-token", "permission", "setting", "audit-log-event",
    ],
)  # fmt: skip
def test_every_table_has_a_page_that_loads_nothing_from_other_hosts(staff, view):
    page = staff.get(f"{PANEL}/{view}/list")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    loaded = re.findall(
        r"""(?:src=|url\(|@import |<link[^>]*href=)["']*(https?://[^"')]+)""", page.text
    )
    assert [url for url in loaded if not url.startswith("http://testserver/")] == []


def test_creating_a_row_is_audited(staff, app_uow):
    assert submit(staff, "esc/create", name="batch").status_code == 303

    with app_uow.reading() as uow:
        [esc] = uow.escs.list_all()
    assert audit_events(app_uow) == [("record_created", {"table": "registry_esc", "id": esc.id})]


def test_changing_a_user_is_audited_with_what_became_of_what(staff, app_uow):
    user = find_user(app_uow, "admin")

    answer = submit(
        staff,
        f"user/edit?pk={user.id}",
        username="admin",
        email="boss@example.com",
        is_active="on",
        is_staff="on",
        is_superuser="on",
        password="",
    )

    assert answer.status_code == 303
    changed = find_user(app_uow, "admin")
    assert (changed.email, changed.password) == ("boss@example.com", user.password)
    [(kind, properties)] = audit_events(app_uow)
    assert kind == "record_changed"
    assert properties["before"] == {"email": "admin@example.com"}
    assert properties["after"] == {"email": "boss@example.com"}


def test_a_new_password_is_hashed_and_audited_without_it(staff, app_uow):
    user = find_user(app_uow, "admin")

    submit(
        staff, f"user/edit?pk={user.id}", username="admin", email=user.email, is_active="on",
        is_staff="on", is_superuser="on", password="correct horse battery",
    )  # fmt: skip

    changed = find_user(app_uow, "admin")
    assert changed.password.startswith("$argon2")
    assert changed.password != user.password
    [(_, properties)] = audit_events(app_uow)
    assert properties["after"] == {"password": "***"}
    assert "correct horse" not in json.dumps(properties)


def test_the_form_of_a_user_does_not_hold_the_hash(staff, app_uow):
    user = find_user(app_uow, "admin")
    assert "argon2" not in staff.get(f"{PANEL}/user/edit?pk={user.id}").text
    assert "argon2" not in staff.get(f"{PANEL}/user/detail?pk={user.id}").text


@pytest.mark.parametrize("password", ["", "short", "12345678901"])
def test_a_weak_password_makes_no_user(staff, app_uow, password):
    answer = submit(staff, "user/create", username="ann", password=password)
    assert answer.status_code == 422
    assert "the password" in answer.text
    assert find_user(app_uow, "ann") is None
    assert audit_events(app_uow) == []


def test_a_row_that_the_database_refuses_changes_nothing(staff, app_uow):
    submit(staff, "user/create", username="admin", password="correct horse battery")
    assert audit_events(app_uow) == []
    assert find_user(app_uow, "admin").email == "admin@example.com"


def test_a_new_token_is_signed_and_lets_its_user_in(staff, app_uow):
    with app_uow.reading() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.find("admin").id)

    assert submit(staff, "auth-token/create", auth_subject=subject.id).status_code == 303

    with app_uow.reading() as uow:
        rows = uow.auth_tokens.list_of_subject(subject.id)
    services = staff.app.state.services
    texts = [services.tokens.find_text(row) for row in rows]
    assert len(set(texts)) == 2
    assert {services.authenticator.authenticate(text).name for text in texts} == {"admin"}
    shown = staff.get(f"{PANEL}/auth-token/detail?pk={rows[0].id}").text
    assert texts[0] in shown


def test_a_token_that_is_switched_off_lets_nobody_in(staff, app_uow):
    with app_uow.reading() as uow:
        row = uow.session.scalar(select(AuthTokenRow))
        text = staff.app.state.services.tokens.find_text(AuthTokenDto.model_validate(row))

    submit(staff, f"auth-token/edit?pk={row.id}", expiry_time="")

    with pytest.raises(UnauthorizedError, match="revoked"):
        staff.app.state.services.authenticator.authenticate(text)


def test_a_granted_permission_is_told_to_gateways_and_pages(staff, app_uow):
    with app_uow.reading() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.find("admin").id)
        newest = uow.changes.get_newest_id()

    submit(staff, "permission/create", auth_subject=subject.id, scope="call_job")

    with app_uow.reading() as uow:
        told = [change.kind for change in uow.changes.list_after(newest)]
    assert told == ["audit", "auth", "permission"]


def test_the_audit_log_can_only_be_read(staff, app_uow):
    submit(staff, "esc/create", name="batch")
    with app_uow.reading() as uow:
        event = uow.audit.list_newest(AuditFilter())[0]
    assert submit(staff, f"audit-log-event/edit?pk={event.id}", event_type="x").status_code == 403
    assert "batch" not in str(audit_events(app_uow)[1:])


def test_removing_a_row_is_audited(staff, app_uow):
    with app_uow() as uow:
        esc = uow.escs.add("batch", None)

    submit(staff, f"_api/esc/row-action?pk={esc.id}&name=delete")

    with app_uow.reading() as uow:
        assert uow.escs.list_all() == []
    [(kind, properties)] = audit_events(app_uow)
    assert (kind, properties["id"]) == ("record_deleted", esc.id)


def test_staff_that_is_no_superuser_sees_neither_people_nor_their_tokens(visitor, app_uow):
    visitor.app.state.services.users.register("ann@example.com", "a-long-phrase")
    with app_uow() as uow:
        rights = UserRights(is_active=True, is_staff=True, is_superuser=False)
        uow.users.set_rights("ann@example.com", rights)
    submit(visitor, "login", username="ann@example.com", password="a-long-phrase")

    assert visitor.get(f"{PANEL}/esc/list").status_code == 200
    for view in ("user", "auth-token", "permission"):
        assert visitor.get(f"{PANEL}/{view}/list").status_code == 403
    assert submit(visitor, "permission/create", scope="full_access").status_code == 403


@pytest.mark.parametrize(
    ("username", "reason"),
    [("a b", "letters, digits"), ("user:ann", "letters"), ("ADMIN", "taken")],
)
def test_the_names_of_users_follow_the_same_rules_as_elsewhere(staff, username, reason):
    answer = submit(staff, "user/create", username=username, password="correct horse battery")
    assert reason in answer.text


def test_a_user_is_not_renamed_to_what_no_user_may_be_called(staff, app_uow):
    user = find_user(app_uow, "admin")

    answer = submit(
        staff, f"user/edit?pk={user.id}", username="--everything", email=user.email, is_active="on",
        is_staff="on", is_superuser="on", password="",
    )  # fmt: skip

    assert "letters, digits" in answer.text
    assert find_user(app_uow, "admin").id == user.id


def test_a_new_user_may_log_in_unless_staff_says_otherwise(staff):
    page = staff.get(f"{PANEL}/user/create").text
    [box] = re.findall(r'<input[^>]*name="is_active"[^>]*>', page, re.DOTALL)
    assert "checked" in box


def test_the_overview_tells_what_each_table_is(staff):
    page = staff.get(f"{PANEL}/").text
    assert "Users, ESCs and job families as holders of tokens and permissions." in page
    assert "Settings of the whole installation, such as maintenance_mode." in page


def test_the_page_of_a_job_has_its_name_and_leads_to_it(staff, app_uow):
    with app_uow() as uow:
        job = uow.jobs.save(a_job("adder", "0.0.1"))
    page = staff.get(f"{PANEL}/job/detail?pk={job.id}").text
    assert "<strong>adder 0.0.1</strong>" in page
    assert 'href="http://127.0.0.1:7205/pub/job/adder/0.0.1"' in page
    assert "racetrack logs adder --version 0.0.1" in page
    deployments = re.search(r'href="([^"]*deployment/list\?q=adder)"', page)
    assert staff.get(deployments[1]).status_code == 200


def test_a_value_that_is_null_is_shown_in_words(staff, app_uow):
    with app_uow.reading() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.find("admin").id)
        [permission] = uow.permissions.list_of_subject(subject.id)
    page = staff.get(f"{PANEL}/permission/detail?pk={permission.id}").text
    assert "-null-" not in page
    assert page.count(">all<") == 3
    assert ">never<" in staff.get(f"{PANEL}/auth-token/list").text


def test_characters_that_reorder_or_hide_text_are_not_shown(staff, app_uow):
    with app_uow() as uow:
        error = "safe\u202etxt.exe\x1b]0;title\x07 end"
        job = uow.jobs.save(a_job("adder").model_copy(update={"error": error}))
    page = staff.get(f"{PANEL}/job/detail?pk={job.id}").text
    assert "safetxt.exe end" in page
    assert not {"\u202e", "\x1b", "\x07"} & set(page)
