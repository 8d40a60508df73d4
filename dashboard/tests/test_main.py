import importlib
import sys

import pytest
from dashboard.__main__ import hiding


def test_a_hidden_package_can_not_be_imported_until_the_end_of_the_block(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)

    with hiding("colorsys"), pytest.raises(ImportError):
        importlib.import_module("colorsys")

    assert importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)


def test_a_package_that_is_in_use_is_not_hidden():
    with hiding("json"):
        assert importlib.import_module("json").loads("[]") == []
