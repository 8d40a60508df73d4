#!/usr/bin/env bash
# lightgbm 4.7.0: a pickled LGBMRegressor needs scikit-learn to predict, which only the extra `lightgbm[scikit-learn]` requires.
# One expects that a server which lacks it fails when it imports lightgbm or loads the pickle, with a message that names scikit-learn.
# What happens: import and load succeed, so the server starts; then each `predict` raises "'NoneType' object is not callable".
# Instead: require `lightgbm[scikit-learn]` where the model is served, predict with `model.booster_`, or predict once at start.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile lightgbm==4.7.0 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

"$folder/venv/bin/python" - "$folder/model.pickle" <<'PYTHON'
import pickle
import sys

import lightgbm
import numpy as np

rows = np.arange(100.0).reshape(-1, 1)
model = lightgbm.LGBMRegressor(n_estimators=3, n_jobs=1, verbose=-1).fit(rows, rows[:, 0])
with open(sys.argv[1], "wb") as file:
    pickle.dump(model, file)
PYTHON

"$folder/venv/bin/pip" uninstall --quiet --yes scikit-learn

"$folder/venv/bin/python" - "$folder/model.pickle" <<'PYTHON'
import pickle
import sys

import numpy as np

with open(sys.argv[1], "rb") as file:
    model = pickle.load(file)
print("loaded", type(model).__name__)
row = np.array([[50.0]])
assert model.booster_.predict(row).shape == (1,)
try:
    model.predict(row)
except TypeError as error:
    print("predict raised TypeError:", error)
    assert "'NoneType' object is not callable" in str(error), "the behaviour changed"
else:
    raise SystemExit("the behaviour changed: predict works without scikit-learn")
PYTHON
