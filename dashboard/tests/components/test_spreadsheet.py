import csv
import io

import pytest
from dashboard.components.spreadsheet import write_csv


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_a_file_has_the_headings_and_the_wanted_columns():
    content = write_csv(
        {"name": "Name", "score": "Score"}, [{"name": "ä, b", "score": -1.5, "x": 1}]
    )

    assert read(content) == [["Name", "Score"], ["ä, b", "-1.5"]]


def test_what_a_row_lacks_is_an_empty_cell():
    assert read(write_csv({"name": "Name"}, [{}, {"name": None}]))[1:] == [[""], [""]]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_text_is_no_formula(start):
    (_, (cell,)) = read(write_csv({"name": "Name"}, [{"name": f"{start}cmd|' /C calc'!A0"}]))

    assert cell == f"'{start}cmd|' /C calc'!A0"
