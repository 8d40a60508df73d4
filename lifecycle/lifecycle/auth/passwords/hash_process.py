"""The process that hashes passwords."""

import json
import subprocess
import sys
import threading
import weakref
from contextlib import suppress

from racetrack_client.log.errors import ServiceUnavailable

from lifecycle.auth.passwords import hashes
from lifecycle.auth.passwords.hashes import HASH_OF_NOTHING


class Passwords:
    """Hashes passwords and compares them with hashes, one at a time, in a process of low priority.

    The process starts when it is needed, and ends with this object, or with the program.
    """

    def __init__(self) -> None:
        self.turn = threading.Lock()
        """Held while a hash is made."""
        self._process: subprocess.Popen[str] | None = None

    @property
    def process_id(self) -> int | None:
        """The id of the process, if it has started."""
        return self._process.pid if self._process else None

    def hash(self, password: str) -> str:
        """Return the hash of a password, to be stored; raises ServiceUnavailable."""
        return str(self._ask(password, None))

    def is_correct(self, password: str, stored: str | None) -> bool:
        """Return whether the password matches the stored hash; without a hash, return False after the same time.

        Raises ServiceUnavailable.
        """
        is_match = self._ask(password, HASH_OF_NOTHING if stored is None else stored)
        return is_match is True and stored is not None

    def _ask(self, password: str, stored: str | None) -> object:
        question = json.dumps([password, stored]) + "\n"
        with self.turn:
            # The system may have ended the process, to get its memory.
            answer = self._exchange(question) or self._exchange(question)
        if not answer:
            raise ServiceUnavailable("the process that hashes passwords ends at once: see the log")
        return json.loads(answer)

    def _exchange(self, question: str) -> str:
        """Return the answer, or nothing if the process has ended."""
        process = self._process or self._start()
        sent, received = process.stdin, process.stdout
        try:
            if sent is not None and received is not None:
                sent.write(question)
                sent.flush()
                if answer := received.readline():
                    return answer
        except BrokenPipeError:
            pass
        _end(process)
        self._process = None
        return ""

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", hashes.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={},  # no secrets
            process_group=0,
        )
        weakref.finalize(self, _end, self._process)
        return self._process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    with suppress(BrokenPipeError), process:
        pass
