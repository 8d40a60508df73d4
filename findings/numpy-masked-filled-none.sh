#!/usr/bin/env bash
# numpy 2.4.6: `filled(None)` of a masked array of objects puts the text "?" where values are missing.
# One expects None there, as any other value that is passed to `filled` arrives as it is.
# What happens: None stands for "no argument", so the dtype's default is taken, and a JSON response says "?" for null.
# Instead: call `masked.tolist()`, which gives None, or `np.where(np.ma.getmaskarray(masked), None, masked.data)`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np

masked = np.ma.masked_array([1.5, 2.5], mask=[False, True]).astype(object)
filled = masked.filled(None).tolist()

print("filled(None) gave", filled)
assert filled == [1.5, "?"], "the behaviour changed"
assert masked.filled("none").tolist() == [1.5, "none"]
assert masked.tolist() == [1.5, None]
assert np.where(np.ma.getmaskarray(masked), None, masked.data).tolist() == [1.5, None]
PYTHON
