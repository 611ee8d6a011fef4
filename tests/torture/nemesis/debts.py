"""What a fault owes to the machine: written down before the harm is done, and paid even if we are killed.

    debt = owe("continue", pid, start_of(pid))
    os.kill(pid, signal.SIGSTOP)
    ...
    os.kill(pid, signal.SIGCONT)
    debt.paid()

A finally or an atexit would do for most ends of a process, yet not for kill -9 or os._exit, which is how
pytest-timeout ends a run. So the books are kept by a process of its own: see bailiff.py.
"""

import atexit
import contextlib
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

PROGRAM: Final = Path(__file__).with_name("bailiff.py")
PATIENCE_SECONDS: Final = 30


class Debt:
    """One thing to be undone."""

    def __init__(self, books: "Books", number: int) -> None:
        self._books = books
        self._number = number

    def paid(self) -> None:
        """It has been undone. Saying so twice is harmless."""
        self._books.strike_out(self._number)


class Books:
    """The debts of this process; the bailiff is started with the first of them."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._open: dict[int, tuple[object, ...]] = {}
        self._bailiff: subprocess.Popen[bytes] | None = None

    @property
    def outstanding(self) -> list[tuple[object, ...]]:
        """What is owed now."""
        return list(self._open.values())

    def enter(self, what: tuple[object, ...]) -> Debt:
        """Write down a debt; it is safe with the bailiff when this returns."""
        number = next(self._numbers)
        self._write(number, *what)
        self._open[number] = what
        return Debt(self, number)

    def strike_out(self, number: int) -> None:
        """It is owed no more."""
        if self._open.pop(number, None) is not None:
            self._write(number)

    def close(self) -> None:
        """Have everything paid that is left, and wait for that."""
        if self._bailiff is None:
            return
        assert self._bailiff.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._bailiff.stdin.close()
        self._bailiff.wait(PATIENCE_SECONDS)
        self._bailiff = None
        self._open.clear()

    def _write(self, *line: object) -> None:
        if self._bailiff is None:
            self._bailiff = self._call()
            atexit.register(self.close)
        assert self._bailiff.stdin is not None
        self._bailiff.stdin.write(json.dumps(line).encode() + b"\n")
        self._bailiff.stdin.flush()

    @staticmethod
    def _call() -> subprocess.Popen[bytes]:
        # a session of its own: Ctrl-C at the terminal is for us, and what we owe is paid after that
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(PROGRAM)], stdin=subprocess.PIPE, start_new_session=True
        )


BOOKS: Final = Books()


def owe(kind: str, *what: object) -> Debt:
    """Write down what has to be undone; bailiff.py says which kinds there are."""
    return BOOKS.enter((kind, *what))
