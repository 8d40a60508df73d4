import pytest
from dashboard.pages.platform.record_fields import list_fields, make_cell

METADATA = {
    "table_name": "registry_authtoken",
    "primary_key_column": "id",
    "foreign_keys": {"note": "registry_esc"},
    "all_columns": ["id", "token", "active", "count", "note", "scope", "raw"],
    "column_types": {
        "id": "str",
        "token": "str",
        "active": "bool",
        "count": "int | None",
        "note": "str | None",
        "scope": "str",
        "raw": "bytes",
    },
}
FIELDS = {field.name: field for field in list_fields(METADATA)}


def test_keys_secrets_and_bytes_can_not_be_changed():
    assert [name for name, field in FIELDS.items() if field.is_fixed] == ["id", "token", "raw"]


def test_secrets_are_masked():
    assert "abc" not in make_cell("token", "abc")
    assert "abc" not in FIELDS["token"].to_text("abc")


def test_texts_of_the_form_become_values_of_the_type():
    assert FIELDS["count"].read("3") == 3
    assert FIELDS["count"].read("") is None
    assert FIELDS["active"].read("true") is True
    assert FIELDS["active"].to_text(value=False) == "false"
    assert FIELDS["note"].read("a") == "a"
    with pytest.raises(ValueError, match="count is 'x', which is no int"):
        FIELDS["count"].read("x")


def test_scopes_are_chosen():
    assert "call_job" in FIELDS["scope"].choices


def test_a_foreign_key_knows_its_table():
    tables = {name: field.foreign_table for name, field in FIELDS.items() if field.foreign_table}
    assert tables == {"note": "registry_esc"}
