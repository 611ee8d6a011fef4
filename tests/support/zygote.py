"""A process that has everything imported and only forks: a server of its is there in a tenth of a second.

`python -m tests.support.zygote` reads lines of JSON, {"environment": …, "log": path}, and answers each with
the id of a new process that runs `holdfast run` with them.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.support.processes import ROOT, Process

WAIT_SECONDS = 0.01


class Zygote:
    """Forks servers until it is closed."""

    def __init__(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.zygote"],
            cwd=ROOT,
            env=inherited,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def fork(self, environment: Mapping[str, str], log: Path) -> int:
        """The id of a new server process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = json.dumps({"environment": dict(environment), "log": str(log)})
        self._process.stdin.write(order.encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


class Forked:
    """A forked process, with as much of Popen as Process uses."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs; how it ended only its parent could say."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def send_signal(self, number: signal.Signals) -> None:
        """It may have ended meanwhile, and then it is gone: nobody waits for it."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("forked", timeout or 0)
            time.sleep(WAIT_SECONDS)
        return 0


class ForkedProcess(Process):
    """`holdfast run` as Process has it, forked from one that has imported everything already."""

    def __init__(
        self, zygote: Zygote, environment: Mapping[str, str], log: Path, port: int | None = None
    ) -> None:
        super().__init__(environment, log, port)
        self._zygote = zygote

    def _launch(self) -> None:
        self._child = Forked(self._zygote.fork(self._environment, self.log))  # type: ignore[assignment]  # as much of one

    @property
    def is_dead(self) -> bool:
        """Whether it has ended, by itself or not."""
        return self._child is None or self._child.poll() is not None


def main() -> None:
    """Fork whatever is ordered, until nobody orders any more."""
    import server.app  # noqa: F401, PLC0415  # what takes its time, once
    from server import cli  # noqa: PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line), cli.main)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become(order: dict[str, object], run: object) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(str(order["log"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number in (1, 2):
        os.dup2(log, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[call-overload]  # names to values, from Zygote.fork
    try:
        run(["run"])  # type: ignore[operator]  # the console script's function
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
