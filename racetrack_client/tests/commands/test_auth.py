import json

EXPLANATION = {
    "subject": "alice",
    "subject_type": "user",
    "scope": "call_job",
    "job_name": "adder",
    "job_version": "0.0.2",
    "endpoint": "/api/v1/perform",
    "allowed": False,
    "rules": [
        {"rule": "job", "effect": "continue", "reason": "it is about job adder 0.0.2"},
        {"rule": "permission", "effect": "deny", "reason": "none covers it"},
    ],
}


def test_an_explanation_names_the_rules_in_their_order(logged_in, lifecycle, answer):
    question = (
        "subject=alice&job=adder&version=latest&scope=call_job&endpoint=%2Fapi%2Fv1%2Fperform"
    )
    lifecycle.on(f"GET auth/explain?{question}", answer(EXPLANATION))

    done = logged_in("auth", "explain", "alice", "adder", "/api/v1/perform")

    assert done.stdout == (
        "alice may not call_job /api/v1/perform of adder 0.0.2\n"
        "  -      job         it is about job adder 0.0.2\n"
        "  deny   permission  none covers it\n"
    ), done.stderr
    as_json = logged_in("auth", "explain", "alice", "adder", "/api/v1/perform", "-o", "json")
    assert json.loads(as_json.stdout) == EXPLANATION


def test_an_explanation_may_be_about_the_job_as_a_whole(logged_in, lifecycle, answer):
    question = "subject=esc%3Ashop&job=adder&version=1.x&scope=delete_job"
    allowed = EXPLANATION | {"endpoint": None, "allowed": True, "scope": "delete_job"}
    lifecycle.on(f"GET auth/explain?{question}", answer(allowed))

    done = logged_in(
        "auth", "explain", "esc:shop", "adder", "--version", "1.x", "--scope", "delete_job"
    )

    assert done.stdout.startswith("alice may delete_job adder 0.0.2\n"), done.stderr


def test_whoami_never_prints_the_token(logged_in, lifecycle, answer):
    profile = {"username": "alice", "token": "secret", "is_staff": False}
    lifecycle.on("GET users/validate_user_auth", answer(profile))

    assert logged_in("auth", "whoami").stdout == "alice\n"
    as_json = logged_in("auth", "whoami", "--output", "json").stdout
    assert json.loads(as_json) == {"username": "alice", "is_staff": False}
