import json

import pytest

HELD = [
    {"id": 7, "subject": "user:anna", "subject_type": "user", "scope": "call_job", "job_name": "adder",
     "job_version": None, "endpoint": None, "description": "call_job on job family adder"},
    {"id": 8, "subject": "user:anna", "subject_type": "user", "scope": "call_job", "job_name": "adder",
     "job_version": "0.0.2", "endpoint": "/api/v1/perform", "description": "call_job on job adder 0.0.2"},
]  # fmt: skip


def test_permissions_are_listed(logged_in, lifecycle, answer):
    lifecycle.on("GET auth/permissions", answer(HELD))
    lifecycle.on("GET auth/permissions?subject=esc%3Ashop", answer([]))

    _header, first, second = logged_in("auth", "permissions", "--all").stdout.splitlines()

    assert first.split() == ["call_job", "adder", "(all)", "(all)"]
    assert second.split() == ["call_job", "adder", "0.0.2", "/api/v1/perform"]
    assert json.loads(logged_in("auth", "permissions", "-o", "json").stdout) == HELD
    of_shop = logged_in("auth", "permissions", "esc:shop")
    assert (of_shop.returncode, of_shop.stdout) == (0, "")
    assert "esc:shop holds no permission" in of_shop.stderr
    assert logged_in("auth", "permissions", "esc:shop", "-o", "json").stdout == "[]\n"


def test_permissions_that_a_broader_one_includes_are_left_out(logged_in, lifecycle, answer):
    everything = {"scope": "full_access", "job_name": None, "job_version": None, "endpoint": None}
    of_version = everything | {"scope": "call_job", "job_name": "adder", "job_version": "0.0.1"}
    of_other = of_version | {"job_version": "0.0.2"}
    lifecycle.on("GET auth/permissions", answer([of_version, everything, of_other]))

    done = logged_in("auth", "permissions")

    assert done.stdout.splitlines()[1].split() == ["full_access", "(all)", "(all)", "(all)"]
    assert len(done.stdout.splitlines()) == 2
    assert "2 more are included in these; --all shows them" in done.stderr
    lifecycle.on("GET auth/permissions", answer([of_version, of_other, of_version]))
    assert len(logged_in("auth", "permissions").stdout.splitlines()) == 4


def test_a_user_is_allowed_an_endpoint_of_a_version(logged_in, lifecycle, answer):
    lifecycle.on("POST auth/permissions", answer(HELD[1]))

    done = logged_in(
        "auth", "allow", "anna", "adder", "--version", "0.0.2", "--endpoint", "api/v1/perform/"
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "anna may call_job /api/v1/perform of adder 0.0.2" in done.stderr
    assert lifecycle.received[-1].json() == {
        "subject": "anna",
        "scope": "call_job",
        "job_name": "adder",
        "job_version": "0.0.2",
        "endpoint": "/api/v1/perform",
    }


@pytest.mark.parametrize("command", ["allow", "revoke"])
def test_everything_has_to_be_said(logged_in, lifecycle, command):
    for arguments in (["anna"], ["anna", "adder", "--everything"]):
        done = logged_in("auth", command, *arguments)

        assert done.returncode == 70
        assert "name a job, or say --everything" in done.stderr
    assert lifecycle.received == []


def test_a_permission_on_everything_names_no_job(logged_in, lifecycle, answer):
    lifecycle.on("POST auth/permissions", answer(HELD[0]))

    logged_in("auth", "allow", "anna", "--everything", "--scope", "deploy_new_family")

    assert lifecycle.received[-1].json()["job_name"] is None


def test_exactly_what_is_said_is_taken_back(logged_in, lifecycle, answer):
    lifecycle.on("GET auth/permissions?subject=anna", answer(HELD))
    for permission in HELD:
        lifecycle.on(f"DELETE auth/permissions/{permission['id']}", answer(None))

    assert logged_in("auth", "revoke", "anna", "adder").returncode == 0
    assert lifecycle.received[-1].path.endswith("/7")
    limited = ("--version", "0.0.2", "--endpoint", "api/v1/perform")
    assert logged_in("auth", "revoke", "anna", "adder", *limited).returncode == 0
    assert lifecycle.received[-1].path.endswith("/8")


def test_what_was_never_allowed_is_not_taken_back(logged_in, lifecycle, answer):
    lifecycle.on("GET auth/permissions?subject=anna", answer(HELD))

    done = logged_in("auth", "revoke", "anna", "adder", "--scope", "delete_job")

    assert done.returncode == 70
    assert "what was allowed is: call_job on job family adder, " in done.stderr


def test_an_older_server_is_asked_as_it_knows(logged_in, lifecycle, answer):
    lifecycle.on("POST auth/permissions", answer({"detail": "Not Found"}, 404))
    lifecycle.on("POST auth/allow/esc/shop/job/adder/scope/call_job", answer(None))
    lifecycle.on("POST auth/allow/job_family/primer/job/adder/scope/read_job", answer(None))

    assert logged_in("auth", "allow", "esc:shop", "adder").returncode == 0
    done = logged_in("auth", "allow", "job_family:primer", "adder", "--scope", "read_job")
    assert done.returncode == 0, done.stderr
    for refused in (["anna", "adder"], ["esc:shop", "adder", "--version", "0.0.2"]):
        done = logged_in("auth", "allow", *refused)
        assert done.returncode == 70
        assert "this Lifecycle is older" in done.stderr


def test_a_short_path_means_what_a_call_takes_it_for(logged_in, lifecycle, answer):
    paths = {"/api/v1/explain": {"post": {}}}
    lifecycle.on("GET /pub/job/adder/latest/openapi.json", answer({"paths": paths}))
    lifecycle.on("POST auth/permissions", answer(None))
    explained = (
        "subject=anna&job=adder&version=latest&scope=call_job&endpoint=%2Fapi%2Fv1%2Fexplain"
    )
    told = {"subject": "anna", "scope": "call_job", "job_name": "adder", "job_version": "0.0.2"}
    lifecycle.on(f"GET auth/explain?{explained}", answer(told | {"allowed": True}))

    allowed = logged_in("auth", "allow", "anna", "adder", "--endpoint", "explain")

    assert allowed.stderr == "anna may call_job /api/v1/explain of adder\n"
    assert logged_in("auth", "explain", "anna", "adder", "explain").returncode == 0
