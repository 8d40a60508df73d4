from typing import Any

from dashboard.pages.access.permission_matrix import (
    Resource,
    describe_subject,
    filter_rows,
    make_matrix,
)


def a_permission(number: int, subject: str, scope: str, **limits: Any) -> dict[str, Any]:
    limits = {"job_name": None, "job_version": None, "endpoint": None, **limits}
    return {"id": number, "subject": subject, "scope": scope, **limits}


PERMISSIONS = [
    a_permission(1, "user:ben", "read_job", job_name="adder"),
    a_permission(2, "user:ben", "call_job", job_name="adder"),
    a_permission(3, "user:ben", "call_job", job_name="adder", endpoint="/x"),
    a_permission(4, "esc:7f", "full_access"),
]


def test_a_row_has_the_scopes_of_a_subject_on_a_resource():
    rows = make_matrix(PERMISSIONS, {"esc:7f": "External consumer web shop"})

    assert [(row["subject_text"], row["resource_text"], row["scopes"]) for row in rows] == [
        ("External consumer web shop", "(everything)", {"full_access": 4}),
        ("User ben", "adder (all versions)", {"read_job": 1, "call_job": 2}),
        ("User ben", "adder (all versions) /x", {"call_job": 3}),
    ]


def test_rows_are_found_by_words_of_subject_and_resource():
    rows = make_matrix(PERMISSIONS, {})

    assert len(filter_rows(rows, "BEN adder")) == 2
    assert len(filter_rows(rows, "")) == 3
    assert filter_rows(rows, "ben nothing") == []


def test_subjects_and_resources_are_described():
    assert describe_subject("esc:7f", "web shop") == "External consumer web shop"
    assert Resource("adder", "0.0.1", "/x").describe() == "adder 0.0.1 /x"
    assert Resource(endpoint="/x").describe() == "(all jobs) /x"
