from typing import Any

from dashboard.pages.access.permission_matrix import (
    Resource,
    describe_subject,
    make_matrix,
)


def a_permission(number: int, subject: str, scope: str, **limits: Any) -> dict[str, Any]:
    limits = {"job_name": None, "job_version": None, "endpoint": None, **limits}
    name = {"esc:7f": "web shop"}.get(subject, "ben")
    return {"id": number, "subject": subject, "subject_name": name, "scope": scope, **limits}


PERMISSIONS = [
    a_permission(1, "user:ben", "read_job", job_name="adder"),
    a_permission(2, "user:ben", "call_job", job_name="adder"),
    a_permission(3, "user:ben", "call_job", job_name="adder", endpoint="/x"),
    a_permission(4, "esc:7f", "full_access"),
]


def test_a_row_has_the_scopes_of_a_subject_on_a_resource():
    rows = make_matrix(PERMISSIONS)

    assert [(row["subject_text"], row["resource_text"], row["scopes"]) for row in rows] == [
        ("User ben", "adder (all versions)", {"read_job": 1, "call_job": 2}),
        ("User ben", "adder (all versions) /x", {"call_job": 3}),
        ("External consumer web shop", "(everything)", {"full_access": 4}),
    ]


def test_only_scopes_that_lifecycle_grants_on_a_resource_are_offered():
    assert "call_admin_api" in Resource().list_grantable()
    assert "call_admin_api" not in Resource("adder").list_grantable()
    assert Resource("adder", endpoint="/x").list_grantable() == ["call_job", "full_access"]


def test_subjects_and_resources_are_described():
    assert describe_subject("esc:7f", "web shop") == "External consumer web shop"
    assert Resource("adder", "0.0.1", "/x").describe() == "adder 0.0.1 /x"
    assert Resource(endpoint="/x").describe() == "(all jobs) /x"
