"""Values of jobs as JSON: one encoder for answers, examples, parameters and the documentation.

Plain values take the encoder of the standard library. Only when that refuses one is the value walked through step by
step, to find the place of what JSON can't hold, or to replace NaN and keys that are not text.
"""

import datetime
import enum
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

from racetrack_job_wrapper.arrays import Inexpressible
from racetrack_job_wrapper.log.tracebacks import summarize_error
from racetrack_job_wrapper.plain_values import Attributes, find_rule

_LEAVES = frozenset((str, int, bool, type(None)))
_MOST_STEPS = 12


class NotSerializable(TypeError):
    """A value has no form in JSON; the message names its type and its place, such as `result["rows"][3].thing`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str] = []
        """The way to the value, from the inside out."""
        self.root = ""

    def __str__(self) -> str:
        steps = self.steps[::-1]
        if len(steps) > _MOST_STEPS:
            steps = [*steps[: _MOST_STEPS // 2], "…", *steps[-_MOST_STEPS // 2 :]]
        return f"{self.root}{''.join(steps)}: {self.reason}" if self.root else self.reason


def to_json(value: Any, name: str = "result") -> bytes:
    """Encode a value as JSON; raise NotSerializable, with the value called by `name`, when it can't be encoded.

    What an iterator of the job raises while it is read is an error of the call, and is raised as it is.
    """
    # A lone surrogate can't be in UTF-8, but in JSON it has an escape, which is what this error handler writes.
    return _Encoder().encode(value, name).encode("utf-8", "backslashreplace")


def to_plain(value: Any) -> Any:
    """Return the value that a reader of the value's JSON gets; raise NotSerializable when it can't be encoded."""
    return json.loads(to_json(value))


class _Encoder:
    def __init__(self) -> None:
        self._collected: dict[int, tuple[Any, list[Any]]] = {}
        """The iterators with their items, because a second pass could not read them again."""
        self._raised: BaseException | None = None
        """The error that the job's own code raised while an iterator was read."""
        self._open: set[int] = set()

    def encode(self, value: Any, name: str) -> str:
        try:
            text = _dump(value, self._simplify)
        except (TypeError, ValueError, RecursionError) as error:
            if error is self._raised:
                raise
        else:
            if not _has_odd_keys(text):
                return text
        return self._encode_step_by_step(value, name)

    def _encode_step_by_step(self, value: Any, name: str) -> str:
        try:
            return _dump(self._walk(value), None)
        except NotSerializable as error:
            error.root = name
            raise
        except RecursionError:
            raise _error_at(name, "it is nested too deeply for JSON") from None
        except ValueError as error:
            if error is self._raised:
                raise
            raise _error_at(name, str(error)) from None

    def _walk(self, value: Any) -> Any:
        if type(value) in _LEAVES or isinstance(value, str | int):
            return value
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if id(value) in self._open:
            raise NotSerializable("the value holds itself, which JSON can't express")
        self._open.add(id(value))
        try:
            if isinstance(value, dict):
                return self._walk_dict(value)
            if isinstance(value, list | tuple):
                return self._walk_list(value)
            return self._walk(self._simplify(value))
        finally:
            self._open.discard(id(value))

    def _walk_list(self, value: list[Any] | tuple[Any, ...]) -> list[Any]:
        plain = []
        for index, item in enumerate(value):
            if type(item) in _LEAVES or (type(item) is float and math.isfinite(item)):
                plain.append(item)
                continue
            try:
                plain.append(self._walk(item))
            except NotSerializable as error:
                error.steps.append(f"[{index}]")
                raise
        return plain

    def _walk_dict(self, value: dict[Any, Any]) -> dict[str, Any]:
        plain = {}
        for key, item in value.items():
            try:
                plain[key if type(key) is str else _write_key(key)] = (
                    item if type(item) in _LEAVES else self._walk(item)
                )
            except NotSerializable as error:
                error.steps.append(_name_step(value, key))
                raise
        if len(plain) < len(value):
            raise NotSerializable(f"two of its keys are the same text: {_repeated_key(value)!r}")
        return plain

    def _simplify(self, value: Any) -> Any:
        """Return one level of a value as containers and scalars that JSON has."""
        kind: type = type(value)
        rule = find_rule(kind)
        if rule is None:
            raise NotSerializable(
                f"Unable to serialize unknown type: {kind}; return numbers, text, lists and dicts, or give the class a"
                " method __to_json__"
            )
        if isinstance(value, Iterator):
            return self._collect(value, rule)
        try:
            return rule(value)
        except Inexpressible as error:
            raise NotSerializable(str(error)) from error.__cause__
        except RecursionError:
            raise
        except Exception as error:
            # The call is done, so whatever its result lacks is no fault of the caller's arguments.
            raise NotSerializable(f"{kind} can't be encoded: {summarize_error(error)}") from error

    def _collect(self, value: Iterator[Any], rule: Callable[[Any], list[Any]]) -> list[Any]:
        if id(value) not in self._collected:
            try:
                self._collected[id(value)] = (value, rule(value))
            except BaseException as error:
                self._raised = error
                raise
        return self._collected[id(value)][1]


def _dump(value: Any, default: Callable[[Any], Any] | None) -> str:
    return json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=default
    )


def _has_odd_keys(text: str) -> bool:
    # The standard library writes the keys None, True and False otherwise than Python's str() does.
    return '"null":' in text or '"true":' in text or '"false":' in text


def _error_at(name: str, reason: str) -> NotSerializable:
    error = NotSerializable(reason)
    error.root = name
    return error


def _name_step(container: dict[Any, Any], key: Any) -> str:
    if isinstance(container, Attributes):
        return f".{key}"
    text = json.dumps(key, ensure_ascii=False) if isinstance(key, str) else repr(key)
    return f"[{text if len(text) <= 60 else text[:60] + '…'}]"


def _write_key(key: Any) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, tuple):
        return ",".join(map(_write_key, key))
    if isinstance(key, enum.Enum) and not isinstance(key, int):
        return _write_key(key.value)
    if isinstance(key, datetime.date | datetime.time) and key == key:
        return key.isoformat()
    if all(getattr(type(key), name) is getattr(object, name) for name in ("__repr__", "__str__")):
        raise NotSerializable(f"a {type(key)} can't be a key in JSON; use text")
    return str(key)


def _repeated_key(value: dict[Any, Any]) -> str:
    keys = list(map(_write_key, value))
    return next(key for key in keys if keys.count(key) > 1)
