"""A file is one idea: neither a paragraph nor a book."""

import statistics
from collections import Counter

MOST_LINES = 400
MEDIAN_LINES = (100, 200)
MEDIAN_FUNCTION_LINES = 8
MOST_SIBLINGS = 15
FLAT = ("job_wrapper/racetrack_job_wrapper/",)
"""The wrapper is read from top to bottom, and job authors import its modules by their short paths."""
GENERATED = "lifecycle/lifecycle/database/migrations/versions/"


def test_no_file_is_longer_than_a_reader_keeps_in_mind(product):
    files = [file for file in product if not file.path.startswith(GENERATED)]

    assert [
        f"{file.path}: {file.line_count}" for file in files if file.line_count > MOST_LINES
    ] == []


def test_the_median_file_holds_one_idea(product):
    lengths = [file.line_count for file in product if file.holds_code]

    assert MEDIAN_LINES[0] <= statistics.median(lengths) <= MEDIAN_LINES[1]


def test_functions_are_short(product):
    lengths = [
        function.end_lineno - function.lineno + 1
        for file in product
        for function in file.functions()
    ]

    assert statistics.median(lengths) <= MEDIAN_FUNCTION_LINES


def test_a_folder_has_few_siblings(product):
    """About a dozen modules, so that a reader sees at once which one to open."""
    siblings = Counter(
        file.path.rpartition("/")[0]
        for file in product
        if file.holds_code and not file.path.startswith((GENERATED, *FLAT))
    )

    assert {folder: count for folder, count in siblings.items() if count > MOST_SIBLINGS} == {}
