"""Lists as CSV files, which spreadsheets open without executing what a cell holds."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(columns: Mapping[str, str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """Return a CSV file; `columns` has the headings by the keys of the rows.

    A text that a spreadsheet would take for a formula is preceded by an apostrophe.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(columns.values())
    for row in rows:
        writer.writerow(_make_cells([row.get(key) for key in columns]))
    # The mark at the beginning tells spreadsheets that the text is UTF-8.
    return file.getvalue().encode("utf-8-sig")


def format_time(seconds: float | None) -> str:
    """Return a time as spreadsheets read it, in UTC; an empty text for no time."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}" if seconds else ""


def _make_cells(values: Sequence[object]) -> list[object]:
    return [_disarm(value) if isinstance(value, str) else value for value in values]


def _disarm(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
