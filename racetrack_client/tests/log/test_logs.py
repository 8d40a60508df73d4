import io
import json
import logging
from collections.abc import Iterator

import pytest
from racetrack_client.log.context_error import ContextError, find_cause, wrap_context
from racetrack_client.log.exception import short_exception_details
from racetrack_client.log.logs import configure_logs, get_logger


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_has_time_level_message_and_fields():
    stream = io.StringIO()
    configure_logs("info", stream=stream)

    get_logger("test").info("job deployed", extra={"job": "adder"})
    get_logger("test").debug("not shown")

    assert stream.getvalue().endswith("INFO  job deployed, job=adder\n")
    assert stream.getvalue().startswith("[20")


def test_fields_that_say_nothing_are_left_out():
    stream = io.StringIO()
    configure_logs("info", stream=stream)

    extra = {
        "tracing_id": "",
        "caller_name": None,
        "status": 0,
        "color_message": "\033[36mup\033[0m",
    }
    get_logger("test").info("up", extra=extra)

    assert stream.getvalue().endswith("INFO  up, status=0\n")


def test_machines_get_a_json_object_a_line():
    stream = io.StringIO()
    configure_logs("warn", structured=True, stream=stream)

    try:
        raise KeyError("x")
    except KeyError:
        get_logger("test").exception("broken", extra={"tracing_id": "t1"})

    line = json.loads(stream.getvalue())
    assert (line["lvl"], line["msg"], line["tracing_id"]) == ("ERROR", "broken", "t1")
    assert line["cause"] == "KeyError"


def test_contexts_are_joined_from_the_general_to_the_special():
    with pytest.raises(ContextError) as caught, wrap_context("deploying"), wrap_context("building"):
        raise ValueError("no disk")

    assert str(caught.value) == "deploying: building: no disk"
    assert isinstance(caught.value.__cause__.__cause__, ValueError)


def test_an_error_becomes_one_line_with_its_root():
    with pytest.raises(ContextError) as caught, wrap_context("reading"):
        raise KeyError("name")

    text = short_exception_details(caught.value)

    assert text.startswith("reading: KeyError: 'name', cause=KeyError, traceback=")
    assert "test_logs.py:" in text
    assert "\n" not in text
    assert short_exception_details(ValueError()).startswith("ValueError, cause=ValueError")


def test_a_cause_is_found_below_the_words_around_it():
    gone = FileNotFoundError("gone")

    assert find_cause(ContextError("reading", ContextError("opening", gone)), OSError) is gone
    assert find_cause(gone, OSError) is gone
    assert find_cause(ContextError("reading", gone), KeyError, ValueError) is None
