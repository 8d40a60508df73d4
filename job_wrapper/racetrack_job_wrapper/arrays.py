"""Arrays, tables and missing values of numpy, pandas, polars, pyarrow and the like as lists and scalars.

None of these packages is imported here: an object of one shows that its package is loaded.
"""

import math
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

_FRACTION = re.compile(r"\.(\d+)$")


class Inexpressible(TypeError):
    """A value has no form in JSON; the message says why."""


def find_array_rule(kind: type) -> Callable[[Any], Any] | None:
    """Return a function that makes lists and scalars of the objects of a type; None when the type is no array or table."""
    convert = _find_conversion(kind, _list_packages(kind))
    return _name_failures(kind, convert) if convert else None


def _find_conversion(kind: type, packages: set[str]) -> Callable[[Any], Any] | None:
    if "numpy" in packages and hasattr(kind, "tolist"):
        return _read_numpy
    for package, find in (
        ("pandas", _find_pandas_conversion),
        ("polars", _find_polars_conversion),
        ("pyarrow", _find_pyarrow_conversion),
        ("scipy", _find_scipy_conversion),
    ):
        if package in packages:
            return find(kind)
    if hasattr(kind, "tolist"):
        return lambda value: value.tolist()
    if "tensorflow" in packages and hasattr(kind, "numpy"):
        return lambda value: value.numpy()
    return (lambda value: value.__geo_interface__) if hasattr(kind, "__geo_interface__") else None


def _list_packages(kind: type) -> set[str]:
    return {str(base.__module__).partition(".")[0] for base in kind.__mro__}


def _name_failures(kind: type, convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def convert_or_explain(value: Any) -> Any:
        try:
            return convert(value)
        except Inexpressible:
            raise
        except Exception as error:
            raise Inexpressible(f"{kind} can't be made a list: {error}") from error

    return convert_or_explain


def _find_pandas_conversion(kind: type) -> Callable[[Any], Any] | None:
    if hasattr(kind, "iloc") and hasattr(kind, "columns"):
        return _read_frame
    if hasattr(kind, "tolist"):
        return _read_series
    if kind.__name__ == "NAType":
        return lambda _: None
    return str if kind.__name__ in ("Period", "Interval") else None


def _read_frame(frame: Any) -> list[dict[str, Any]]:
    names = [_column_name(name) for name in frame.columns.tolist()]
    return _make_records(names, [_read_series(frame.iloc[:, index]) for index in range(len(names))])


def _column_name(name: Any) -> str:
    return ",".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _make_records(names: list[str], columns: list[list[Any]]) -> list[dict[str, Any]]:
    _check_names(names)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _check_names(names: Sequence[str]) -> None:
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise Inexpressible(
            f"two columns of the table are named {repeated!r}, so a record would lose one; rename them"
        )


def _read_series(series: Any) -> list[Any]:
    # Missing values are floats even among texts and objects. Other parts keep their types, which have rules of their own.
    return [
        None if isinstance(value, float) and not math.isfinite(value) else value
        for value in series.tolist()
    ]


def _read_numpy(value: Any) -> Any:
    numpy: Any = sys.modules["numpy"]
    if isinstance(value, numpy.ma.MaskedArray):
        return _read_masked(numpy, value)
    array = numpy.asarray(value)
    kind = array.dtype.kind
    if kind == "f":
        return _read_floats(numpy, array)
    if kind == "M":
        return _map_nested(_write_moment, _write_moments(numpy, array))
    if kind == "m":
        return _read_floats(numpy, numpy.asarray(array / numpy.timedelta64(1, "s")))
    return array.tolist()


def _read_masked(numpy: Any, array: Any) -> Any:
    missing = {"f": math.nan, "M": numpy.datetime64("NaT"), "m": numpy.timedelta64("NaT")}
    kind = array.dtype.kind
    return _read_numpy(array.filled(missing[kind])) if kind in missing else array.tolist()


def _read_floats(numpy: Any, array: Any) -> Any:
    if array.dtype.itemsize > 8:
        array = array.astype(float)
    finite = numpy.isfinite(array)
    if finite.all():
        return array.tolist()
    boxed = array.astype(object)
    boxed[~finite] = None
    return boxed.tolist()


def _write_moments(numpy: Any, array: Any) -> Any:
    unit, _ = numpy.datetime_data(array.dtype)
    finer = {"Y": "D", "M": "D", "W": "D", "h": "s", "m": "s"}.get(unit)
    texts = (
        numpy.datetime_as_string(array, unit=finer) if finer else numpy.datetime_as_string(array)
    )
    return texts.tolist()


def _write_moment(text: str) -> str | None:
    """Write a moment of numpy as Python does: without a fraction that is zero, and in groups of three digits from six on."""
    if text == "NaT":
        return None
    found = _FRACTION.search(text)
    if not found:
        return text
    digits = found.group(1).rstrip("0")
    size = max(6, -(-len(digits) // 3) * 3)
    return text[: found.start()] + (f".{digits.ljust(size, '0')}" if digits else "")


def _map_nested(function: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, list):
        return [_map_nested(function, item) for item in value]
    return function(value)


def _find_polars_conversion(kind: type) -> Callable[[Any], Any] | None:
    if hasattr(kind, "collect"):
        return _refuse_lazy
    if hasattr(kind, "to_dicts"):
        return lambda frame: _make_records(
            frame.columns, [_read_polars_series(column) for column in frame.get_columns()]
        )
    return _read_polars_series if hasattr(kind, "to_list") else None


def _read_polars_series(series: Any) -> Any:
    # As Python's own dates, moments would lose their nanoseconds.
    kind = series.dtype
    is_exact = getattr(kind, "time_unit", "us") != "ns" or getattr(kind, "time_zone", None)
    return series.to_list() if is_exact else _read_numpy(series.to_numpy())


def _find_pyarrow_conversion(kind: type) -> Callable[[Any], Any] | None:
    if hasattr(kind, "to_pylist"):
        return _read_pyarrow
    return (lambda value: value.as_py()) if hasattr(kind, "as_py") else None


def _read_pyarrow(value: Any) -> Any:
    if hasattr(value, "schema"):
        _check_names(value.schema.names)
    return value.to_pylist()


def _find_scipy_conversion(kind: type) -> Callable[[Any], Any] | None:
    return _refuse_sparse if hasattr(kind, "toarray") else None


def _refuse_sparse(value: Any) -> Any:
    raise Inexpressible(
        f"a sparse matrix ({type(value)}) has no form in JSON; return its toarray(), or its parts"
    )


def _refuse_lazy(value: Any) -> Any:
    raise Inexpressible(f"{type(value)} holds no rows yet; return its collect()")
