"""The gauges that a job's method `metrics` returns. A wrong one costs its own line only, and is named in the log once."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client.core import Metric

from racetrack_job_wrapper.log.logger import logger

Source = Callable[[], Iterable[dict[str, Any]]]
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_:]")


class WrongGauge(ValueError):
    """An item of `metrics` is no gauge; the message says why."""


class JobGauges:
    """The families of gauges that a function of the job returns at each call."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reported: set[str] = set()

    def collect(self) -> Iterable[Metric]:
        """Call the job's function; return a family for each name."""
        families: dict[str, Metric] = {}
        taken: set[tuple[str, frozenset[tuple[str, str]]]] = set()
        try:
            for item in self._source() or ():
                self._add(families, taken, item)
        except Exception as error:  # noqa: BLE001 - an error of the job must not hide the other metrics
            logger.log_failure("metrics() of the job failed", error)
        return families.values()

    def _add(self, families: dict[str, Metric], taken: set[Any], item: Any) -> None:
        try:
            name, labels, value = _read_gauge(item)
            if value is None:
                return
            if (key := (name, frozenset(labels.items()))) in taken:
                raise WrongGauge(f"there is a {name} with the same labels {labels} already")
            if name not in families:
                families[name] = _make_family(name, item.get("description"))
            families[name].add_sample(name, labels, value)
            taken.add(key)
        except Exception as error:  # noqa: BLE001 - whatever the job puts into an item, the others count
            self._report(item, error)

    def _report(self, item: Any, error: Exception) -> None:
        name = item.get("name") if isinstance(item, Mapping) else None
        if (key := f"{name} {type(error)}") not in self._reported:
            self._reported.add(key)
            logger.error("a metric of the job is left out: %r: %s", item, error)


def _read_gauge(item: Any) -> tuple[str, dict[str, str], float | None]:
    if not isinstance(item, Mapping):
        raise WrongGauge(f"it is a {type(item).__name__}, not a dict with name and value")
    if missing := [key for key in ("name", "value") if key not in item]:
        raise WrongGauge(f"it has no {' and no '.join(missing)}")
    labels = item.get("labels") or {}
    if not isinstance(labels, Mapping):
        raise WrongGauge(f"its labels are a {type(labels).__name__}, not a dict")
    texts = {_make_name(key): _make_text(value) for key, value in labels.items()}
    if len(texts) < len(labels) or any(key.startswith("__") for key in texts):
        raise WrongGauge("names of labels must differ, and must not begin with __")
    return _make_name(item["name"]), texts, _read_number(item["value"])


def _read_number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise WrongGauge(f"its value {value!r} is not a number") from error


def _make_family(name: str, description: Any) -> Metric:
    return Metric(name, _make_text(description or ""), "gauge")


def _make_name(name: Any) -> str:
    text = _NOT_IN_NAMES.sub("_", str(name))
    if not text:
        raise WrongGauge("its name is empty")
    return f"_{text}" if text[0].isdigit() else text


def _make_text(value: Any) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()
