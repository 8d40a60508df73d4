import asyncio
import io
import json
import logging

import pytest
from pub.data_plane.call_log import CallLog
from racetrack_client.log.logs import LineFormatter, StructuredFormatter

TEXT = 'GET /pub/job/adder/latest/"x" 200 User alice'


@pytest.fixture
def logger():
    logger = logging.getLogger("pub.data_plane.call_log")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    yield logger
    logger.propagate = True
    logger.setLevel(logging.NOTSET)
    logger.handlers.clear()


@pytest.fixture
def write(logger):
    """A function that logs calls with a formatter, and returns what was written."""

    def write(formatter, *calls):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        logger.addHandler(handler)
        asyncio.run(note(*calls))
        return stream.getvalue()

    return write


async def note(*calls):
    log = CallLog()
    for call in calls:
        log.note(*call)
    await asyncio.sleep(0)


def test_lines_look_like_all_others(write, logger):
    formatter = LineFormatter(color=False, show_logger=False)
    first, second = write(formatter, (TEXT, "one"), (TEXT, "two")).splitlines()
    record = logger.makeRecord(
        logger.name, logging.INFO, "", 0, TEXT, (), None, extra={"id": "one"}
    )
    assert first[22:] == formatter.format(record)[22:]  # behind the time
    assert second.endswith(f"INFO  {TEXT}, id=two")


def test_lines_for_machines_are_json(write):
    lines = write(StructuredFormatter(), (TEXT, "one"), (TEXT, "two")).splitlines()
    assert [json.loads(line)["msg"] for line in lines] == [TEXT, TEXT]
    assert [json.loads(line)["id"] for line in lines] == ["one", "two"]


def test_other_formats_get_records(write):
    assert write(logging.Formatter("%(levelname)s %(message)s %(id)s"), (TEXT, "one")) == (
        f"INFO {TEXT} one\n"
    )


def test_nothing_is_written_below_the_level(write, logger):
    logger.setLevel(logging.WARNING)
    assert write(StructuredFormatter(), (TEXT, "one")) == ""
