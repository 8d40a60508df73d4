import pytest
from dashboard.pages.platform.record_pages import OPERATORS, ShownRecords
from racetrack_commons.entities.records import RecordOperator


def test_the_url_keeps_the_part_of_a_table():
    shown = ShownRecords("name", RecordOperator.CONTAINS, "a", "-version", 3)
    assert ShownRecords.read(shown.to_url()) == shown


def test_what_makes_no_sense_in_a_url_is_left_out():
    assert ShownRecords.read({"operator": "like", "page": "-1"}) == ShownRecords()


@pytest.mark.parametrize(
    ("shown", "count"),
    [
        (ShownRecords("", RecordOperator.EQUAL, "a"), 0),
        (ShownRecords("name", RecordOperator.BELOW, ""), 0),
        (ShownRecords("name", RecordOperator.EMPTY, ""), 1),
        (ShownRecords("name", RecordOperator.EQUAL, "a"), 1),
    ],
)
def test_only_a_complete_condition_counts(shown, count):
    assert len(shown.to_payload()["conditions"]) == count


def test_each_operator_has_a_text():
    assert set(OPERATORS) == set(RecordOperator)
