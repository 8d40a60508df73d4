ANNA = {
    "username": "anna",
    "is_active": True,
    "is_staff": True,
    "is_superuser": False,
    "last_login": None,
}


def test_users_are_listed_with_their_rights(logged_in, lifecycle, answer):
    registered = ANNA | {"username": "ben@example.com", "is_active": False, "is_staff": False}
    lifecycle.on("GET users", answer([ANNA, registered]))

    lines = logged_in("user", "list").stdout.splitlines()

    assert [line.split() for line in lines[1:]] == [
        ["anna", "active", "staff", "never"],
        ["ben@example.com", "inactive", "-", "never"],
    ]


def test_an_invitation_holds_the_generated_password_and_the_next_steps(
    logged_in, lifecycle, answer
):
    lifecycle.on("POST users", answer(ANNA | {"password": "made-up"}))

    done = logged_in("user", "invite", "anna")

    assert lifecycle.received[-1].json() == {"username": "anna", "password": None}
    assert "your password is made-up" in done.stdout
    assert f"racetrack set remote {lifecycle.url}" in done.stdout
    assert "racetrack auth allow anna JOB" in done.stderr


def test_a_user_is_added_with_the_password_of_standard_input(logged_in, lifecycle, answer):
    lifecycle.on("POST users", answer(ANNA | {"password": None}))

    done = logged_in("user", "add", "anna", stdin="pass phrase\n")

    assert lifecycle.received[-1].json() == {"username": "anna", "password": "pass phrase"}
    assert (done.returncode, done.stdout) == (0, "")


def test_users_are_activated_and_deactivated(logged_in, lifecycle, answer):
    lifecycle.on("PUT users/a%40b", answer(ANNA))
    for command, is_active in (("activate", True), ("deactivate", False)):
        assert logged_in("user", command, "a@b").returncode == 0
        assert lifecycle.received[-1].json() == {"is_active": is_active}


def test_a_user_changes_the_own_password(logged_in, lifecycle, answer):
    lifecycle.on("PUT users/change_password", answer(None))

    assert logged_in("user", "password", stdin="old one\nnew one\n").returncode == 0

    changed = {"old_password": "old one", "new_password": "new one"}
    assert lifecycle.received[-1].json() == changed


def test_a_name_in_a_command_is_quoted_for_the_shell(logged_in, lifecycle, answer):
    lifecycle.on("POST users", answer(ANNA | {"password": "made-up"}))

    invited = logged_in("user", "invite", "anna's team")

    assert """racetrack auth allow 'anna'"'"'s team' JOB""" in invited.stderr
    assert """racetrack login --username 'anna'"'"'s team'""" in invited.stdout
