import json

import yaml

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


def test_escs_and_job_families_are_allowed_something(logged_in, lifecycle, answer):
    lifecycle.on("POST auth/allow/esc/shop/job/adder/scope/call_job", answer(None))
    lifecycle.on("POST auth/allow/job_family/primer/job/adder/scope/read_job", answer(None))

    assert logged_in("auth", "allow", "esc:shop", "adder").returncode == 0
    done = logged_in("auth", "allow", "job_family:primer", "adder", "--scope", "read_job")
    assert (done.returncode, done.stdout) == (0, "")
    refused = logged_in("auth", "allow", "alice", "adder")
    assert refused.returncode == 70
    assert "give esc:ID or job_family:NAME" in refused.stderr


def test_a_regenerated_token_is_kept(racetrack, lifecycle, answer):
    lifecycle.on("GET users/validate_user_auth", answer({"username": "alice"}))
    lifecycle.on("POST auth/token/user/regenerate", answer({"new_token": "fresh"}))
    racetrack("login", "stale", "--remote", lifecycle.url)

    done = racetrack("auth", "regenerate", "--remote", lifecycle.url)

    assert done.returncode == 0, done.stderr
    assert lifecycle.received[-1].headers["X-Racetrack-Auth"] == "stale"
    config = yaml.safe_load(racetrack.config_path.read_text())
    assert config["user_auths"] == {lifecycle.url: "fresh"}
    assert "fresh" not in done.stdout + done.stderr
