#!/usr/bin/env bash
# numpy 2.4.6: `tolist()` of a datetime64[s] array gives a list of mixed types once a date lies beyond the year 9999.
# One expects an OverflowError, as datetime.datetime can't hold such dates, or at least one type for the whole array.
# What happens: those dates alone become ints (seconds since 1970) among datetimes, without a warning.
# Instead: write such arrays with `np.datetime_as_string`, or check the range before `tolist()`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6

"$folder/venv/bin/python" -W error - <<'PYTHON'
import datetime

import numpy as np

dates = np.array(["9999-12-31", "10000-01-01"], dtype="datetime64[s]")
values = dates.tolist()

print("tolist() gave", values)
assert values == [datetime.datetime(9999, 12, 31), 253402300800], "the behaviour changed"
assert np.datetime_as_string(dates).tolist() == ["9999-12-31T00:00:00", "10000-01-01T00:00:00"]
PYTHON
