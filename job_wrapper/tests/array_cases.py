"""Values of array packages and their JSON, checked in an environment that has the packages: `python array_cases.py pandas`.

Writes each value whose JSON differs, and ends with 1 if there is one. A value that JSON can't hold is paired with a part
of its error.
"""

import datetime
import decimal
import importlib
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

from racetrack_job_wrapper.encoding import NotSerializable, to_json

Cases = Iterator[tuple[Any, str]]
NOON = "2024-05-01T12:00"
REFUSED = "Unable to serialize unknown type"


def numpy_cases(np: Any) -> Cases:
    for unit in ("h", "m", "s", "ms", "us", "ns"):
        yield (
            np.array([[NOON, "NaT"]], dtype=f"datetime64[{unit}]"),
            '[["2024-05-01T12:00:00",null]]',
        )
        yield np.datetime64(NOON, unit), '"2024-05-01T12:00:00"'
    for unit, text in (("Y", "2024-01-01"), ("M", "2024-05-01"), ("D", "2024-05-01")):
        yield np.array(["2024-05-01"], dtype="datetime64[D]").astype(f"M8[{unit}]"), f'["{text}"]'
    for unit, digits in (("ms", "123000"), ("us", "123456"), ("ns", "123456789")):
        moment = np.datetime64("2024-05-01T12:00:00.123456789", "ns").astype(f"M8[{unit}]")
        yield moment, f'"2024-05-01T12:00:00.{digits}"'
    yield np.array([10**12], dtype="datetime64[ps]"), '["1970-01-01T00:00:01"]'
    yield np.array(["20000-01-01"], dtype="datetime64[s]"), '["20000-01-01T00:00:00"]'
    yield np.datetime64("NaT"), "null"
    yield [np.timedelta64(90, "s"), np.timedelta64("NaT", "s")], "[90.0,null]"
    yield np.array([1500, "NaT"], dtype="timedelta64[ms]"), "[1.5,null]"
    yield np.timedelta64(1, "Y"), "result: <class 'numpy.timedelta64'> can't be made a list"
    yield {"a": [np.int64(3), np.uint8(4), np.bool_(True), np.float32(1.5)]}, '{"a":[3,4,true,1.5]}'
    yield [np.float64("nan"), np.float32("nan"), np.float16("inf")], "[null,null,null]"
    yield [np.str_("a"), np.bytes_(b"b")], '["a","b"]'
    yield [np.longdouble(1), np.array([1, math.nan], dtype=np.longdouble)], "[1.0,[1.0,null]]"
    yield np.array([[[1, math.nan]]]), "[[[1.0,null]]]"
    yield [np.array(5.0), np.array(math.nan)], "[5.0,null]"
    yield np.array([np.array([1]), None], dtype=object), "[[1],null]"
    yield np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), "[[1,2.0]]"
    yield np.ma.masked_array([1.0, 2.0, math.nan], mask=[0, 1, 0]), "[1.0,null,null]"
    yield np.ma.masked_array([1, 2], mask=[0, 1]), "[1,null]"
    yield np.ma.masked_array(np.array([NOON], dtype="M8[s]"), mask=[1]), "[null]"
    yield np.ma.masked, "null"
    yield {np.int64(1): 1, np.datetime64("2024-05-01"): 2}, '{"1":1,"2024-05-01":2}'
    yield {"z": np.array([1 + 2j])}, 'result["z"][0]: the complex number (1+2j) has no form'
    yield np.dtype("i4"), REFUSED


def pandas_cases(pd: Any) -> Cases:
    moments = pd.to_datetime([NOON, None])
    yield pd.Timestamp(NOON), '"2024-05-01T12:00:00"'
    yield pd.Timestamp("2024-05-01T12:00:00.123456789"), '"2024-05-01T12:00:00.123456789"'
    yield [pd.NaT, pd.NA, pd.Timedelta("90s"), pd.Timedelta("NaT")], "[null,null,90.0,null]"
    yield pd.Series(moments), '["2024-05-01T12:00:00",null]'
    yield pd.Series(moments).to_numpy(), '["2024-05-01T12:00:00",null]'
    yield pd.Series(moments.tz_localize("UTC")), '["2024-05-01T12:00:00+00:00",null]'
    yield pd.DataFrame({"t": moments}), '[{"t":"2024-05-01T12:00:00"},{"t":null}]'
    yield (
        pd.DataFrame({"t": moments}).to_dict(orient="records"),
        '[{"t":"2024-05-01T12:00:00"},{"t":null}]',
    )
    yield pd.Series([1.0], index=pd.to_datetime([NOON])).to_dict(), '{"2024-05-01T12:00:00":1.0}'
    yield pd.Series(pd.to_timedelta(["1s", None])), "[1.0,null]"
    yield pd.DataFrame({"i": pd.array([1, None], dtype="Int64")}), '[{"i":1},{"i":null}]'
    yield pd.Series([1, None], dtype="Int64"), "[1,null]"
    yield pd.Series([True, None], dtype="boolean"), "[true,null]"
    yield pd.Series(["a", None], dtype="string"), '["a",null]'
    yield pd.Series(["a", None]), '["a",null]'
    yield pd.Series(["a", None], dtype="category"), '["a",null]'
    yield pd.Period("2024-05"), '"2024-05"'
    yield pd.Series(pd.PeriodIndex(["2024-05", "NaT"], freq="M")), '["2024-05",null]'
    yield pd.IntervalIndex.from_breaks([0, 1]), '["(0, 1]"]'
    yield [pd.Index(["a"]), pd.RangeIndex(2), pd.array([1, None])], '[["a"],[0,1],[1,null]]'
    yield pd.MultiIndex.from_tuples([(1, "a")]), '[[1,"a"]]'
    yield pd.arrays.SparseArray([0, 1]), "[0,1]"
    yield pd.Series([decimal.Decimal("1.10")]), '["1.10"]'
    mixed = pd.DataFrame({"o": [{"x": math.nan}, [1]], "f": [1.0, math.inf], "n": [1, 2]})
    yield mixed, '[{"o":{"x":null},"f":1.0,"n":1},{"o":[1],"f":null,"n":2}]'
    frame = pd.DataFrame({"k": ["a"], "v": [1.0]})
    yield frame.groupby("k").agg({"v": ["mean", "max"]}), '[{"v,mean":1.0,"v,max":1.0}]'
    yield pd.DataFrame([[1, 2]]), '[{"0":1,"1":2}]'
    yield type("OwnFrame", (pd.DataFrame,), {})({"a": [1]}), '[{"a":1}]'
    yield [pd.DataFrame(), pd.DataFrame({"a": []})], "[[],[]]"
    yield (
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        "result: two columns of the table are named 'a'",
    )
    yield pd.DataFrame([[1, 2]], columns=[1, "1"]), "result: two columns of the table are named '1'"
    yield {"r": [pd.DataFrame({"c": [1j]})]}, 'result["r"][0][0]["c"]: the complex number 1j'
    yield frame.groupby("k"), REFUSED


def polars_cases(pl: Any) -> Cases:
    frame = pl.DataFrame(
        {
            "a": [1, None],
            "t": [datetime.datetime(2024, 5, 1, 12), None],  # noqa: DTZ001
            "d": [datetime.timedelta(seconds=90), None],
            "f": [math.nan, 1.0],
            "s": [{"x": 1}, None],
        }
    )
    first = '{"a":1,"t":"2024-05-01T12:00:00","d":90.0,"f":null,"s":{"x":1}}'
    yield frame, f'[{first},{{"a":null,"t":null,"d":null,"f":1.0,"s":null}}]'
    exact = pl.Series("t", ["2024-05-01T12:00:00.123456789"]).str.to_datetime(time_unit="ns")
    yield exact, '["2024-05-01T12:00:00.123456789"]'
    yield [pl.Series([1, None]), pl.Series(["a"], dtype=pl.Categorical)], '[[1,null],["a"]]'
    yield pl.Series([b"\xff"]), "result[0]: bytes that are not UTF-8"
    yield pl.LazyFrame({"a": [1]}), "return its collect()"
    yield pl.col("a"), REFUSED


def pyarrow_cases(pa: Any) -> Cases:
    moment = datetime.datetime(2024, 5, 1, 12)  # noqa: DTZ001
    table = pa.table({"a": [1, None], "t": pa.array([moment, None], pa.timestamp("ns"))})
    yield table, '[{"a":1,"t":"2024-05-01T12:00:00"},{"a":null,"t":null}]'
    yield (
        [pa.record_batch({"a": [1]}), pa.array([1, None]), pa.scalar(1.5)],
        '[[{"a":1}],[1,null],1.5]',
    )
    yield [pa.chunked_array([[1], [2]]), pa.array(["a"]).dictionary_encode()], '[[1,2],["a"]]'
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    yield twice, "result: two columns of the table are named 'a'"
    yield pa.schema([("a", pa.int64())]), REFUSED


def scipy_cases(_: Any) -> Cases:
    sparse = importlib.import_module("scipy.sparse")
    yield {"m": sparse.eye(2)}, 'result["m"]: a sparse matrix'
    yield sparse.csr_array([[1]]), "return its toarray()"


CASES: dict[str, Callable[[Any], Cases]] = {
    "numpy": numpy_cases,
    "pandas": pandas_cases,
    "polars": polars_cases,
    "pyarrow": pyarrow_cases,
    "scipy": scipy_cases,
}


def find_differences(packages: list[str]) -> Iterator[str]:
    """Yield a line for each value of the packages whose JSON, or error, is not the expected one."""
    for package in packages:
        for value, expected in CASES[package](importlib.import_module(package)):
            try:
                found = to_json(value).decode()
                is_right = found == expected
            except NotSerializable as error:
                found = str(error)
                is_right = expected in found
            if not is_right:
                yield f"{package}: {type(value)}: {found}, not {expected}"


if __name__ == "__main__":
    differences = list(find_differences(sys.argv[1:]))
    sys.stdout.write("\n".join(differences))
    sys.exit(bool(differences))
