"""Answers of jobs, judged: how long they are, and the head that the caller gets."""

from email.utils import formatdate
from http import HTTPStatus

from pub.data_plane.memory import HeadMemory
from pub.http1.answer_head import AnswerHead, parse_answer_head
from pub.http1.fields import list_values
from pub.proxy.headers import HeaderRules
from pub.proxy.upstream import JOB_HEADER, REFUSALS

_MOST_ENTRIES = 1024
_MOST_BYTES = 1024 * 1024
_JOB_NAME = JOB_HEADER.lower().encode()
_INTERIM = (HTTPStatus.PROCESSING, HTTPStatus.EARLY_HINTS)
"""The interim statuses that callers get; the others concern the connection between gateway and job."""
_PRIVATE = {b"location", b"set-cookie"}
"""Headers that differ by job or by caller: a head with one of them is not remembered."""


class JudgedAnswer:
    """The head of a job's answer, and the bytes that the caller gets in its place."""

    __slots__ = ("head", "is_interim", "is_last", "is_misdirected", "size", "start", "status")

    def __init__(self, head: AnswerHead, start: bytes) -> None:
        self.head = head
        self.start = start
        """The head for the caller, up to the tracing id."""
        self.status = str(head.status)
        self.size = head.size
        self.is_last = head.is_last
        self.is_interim = head.is_interim
        self.is_misdirected = head.status in REFUSALS and any(
            name == _JOB_NAME for name, _ in head.headers
        )
        """True if another program than the job refused the call."""


class AnswerJudge:
    """Judges heads of answers, and remembers them."""

    def __init__(self, rules: HeaderRules) -> None:
        self._rules = rules
        self._memory: HeadMemory[JudgedAnswer] = HeadMemory(_MOST_ENTRIES, _MOST_BYTES)
        self.find = self._memory.find
        """The judged answer to the same bytes, or None."""
        self.date = b""
        """The present time, for answers without one."""
        self.tell_time()

    def tell_time(self) -> None:
        """Note the present time, once a second."""
        self.date = formatdate(usegmt=True).encode()

    def judge(self, raw: bytes, address: str) -> JudgedAnswer:
        """Judge the head of an answer from a job at that address; raises BadMessage."""
        head = parse_answer_head(raw)
        dates = list_values(head.headers, b"date")
        answer = JudgedAnswer(head, self._make_start(head, dates, address))
        if dates and not any(name in _PRIVATE for name, _ in head.headers):
            self._memory.keep(raw, answer)
        return answer

    def pass_interim(self, answer: JudgedAnswer) -> bytes:
        """Return an interim answer as callers get it; nothing for one that does not concern them."""
        if answer.head.status not in _INTERIM:
            return b""
        return answer.start.rpartition(b"\r\n")[0] + b"\r\n\r\n"

    def _make_start(self, head: AnswerHead, dates: list[bytes], address: str) -> bytes:
        lines = [b"HTTP/1.1 %d %b" % (head.status, head.reason)]
        if not head.is_interim:
            lines.append(b"date: " + (dates[0] if dates else self.date))
        lines += [b"%b: %b" % each for each in self._rules.to_caller(head, address, "")]
        return b"\r\n".join(lines)
