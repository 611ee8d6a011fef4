"""A process that undoes what another still owed to the machine when that ended, in whatever way it did.

Reads lines of JSON: [number, kind, …] owes something, [number] has been paid. At the end of its input it
pays what is left, the newest first. It stands alone: started with -I -S, it imports nothing of ours.

    ["continue", pid, started]   let a process go on, if it is still the one that was meant
    ["run", word, …]             run a command, whose failure is nobody's concern
    ["remove", path]             remove a file or an empty folder
    ["disband", path]            remove a cgroup, whose processes go to the one above it
"""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60


def main() -> None:
    """Keep the books until the other has ended, then pay."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    owed: dict[int, list[Any]] = {}
    for line in sys.stdin:
        number, *debt = json.loads(line)
        if debt:
            owed[number] = debt
        else:
            owed.pop(number, None)
    for debt in reversed(owed.values()):
        with contextlib.suppress(Exception):
            pay(*debt)


def pay(kind: str, *what: Any) -> None:
    """Undo one thing."""
    if kind == "continue":
        pid, started = what
        if start_of(pid) == started:
            os.kill(pid, signal.SIGCONT)
    elif kind == "run":
        subprocess.run(what, capture_output=True, check=False, timeout=PATIENCE_SECONDS)
    elif kind == "disband":
        disband(Path(what[0]))
    elif Path(what[0]).is_dir():
        Path(what[0]).rmdir()
    else:
        Path(what[0]).unlink()


def disband(group: Path) -> None:
    """Give a cgroup's processes back to the one above it, and remove it.

    Who was killed is in it until the kernel is done with the last of their threads.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (group.parent / "cgroup.procs").write_text(pid)
        try:
            return group.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def start_of(pid: int) -> str:
    """When the process started, in the kernel's ticks; with its id that names it for ever."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


if __name__ == "__main__":
    main()
