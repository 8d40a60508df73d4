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


TOKENS = [
    {"id": "1", "token_end": "abcdef", "is_current": True, "active": True,
     "expiry_time": None, "last_use_time": 1, "create_time": 1},
    {"id": "2", "token_end": "uvwxyz", "is_current": False, "active": True,
     "expiry_time": 1, "last_use_time": None, "create_time": 1},
]  # fmt: skip


def test_tokens_are_listed_by_their_ends(logged_in, lifecycle, answer):
    lifecycle.on("GET auth/token/user", answer(TOKENS))

    _header, first, second = logged_in("auth", "tokens").stdout.splitlines()

    assert "…abcdef   valid *" in first
    assert first.split()[-1] == "never"
    assert "…uvwxyz   invalid" in second
    assert json.loads(logged_in("auth", "tokens", "-o", "json").stdout) == TOKENS


def test_a_new_token_is_data_and_may_expire(logged_in, lifecycle, answer):
    lifecycle.on("POST auth/token/user", answer({"id": "3", "token": "fresh"}))

    assert logged_in("auth", "new-token").stdout == "fresh\n"
    assert lifecycle.received[-1].json() == {"expiry_time": None}
    assert logged_in("auth", "new-token", "--expires-in", "30").returncode == 0
    body = lifecycle.received[-1].json()
    assert body["expiry_time"] > 1_700_000_000
    assert body["expires_in_seconds"] == 30 * 24 * 3600
    assert logged_in("auth", "new-token", "--expires-in", "0").returncode == 2


def test_a_token_is_revoked_by_its_id(logged_in, lifecycle, answer):
    lifecycle.on("DELETE auth/token/user/2", answer(None))

    done = logged_in("auth", "revoke-token", "2")

    assert (done.returncode, done.stdout) == (0, "")
    assert logged_in("auth", "revoke-token").returncode == 2


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
