"""What every bench stands on: servers of its own on one core, load on another, and what each of them used.

    with rig.stand() as stand, stand.holdfast() as server:
        stand.hall("hall", 50_000)
        before = server.cpu()
        ...
        print((server.cpu() - before) / frames)

Redis, PostgreSQL, the load and the bench itself run on LOAD_CORE; what is measured runs on SERVER_CORE alone.
Processor time is the kernel's own count for the process, never a wall clock.
"""

import contextlib
import csv
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.sell_real_hall import holdfast, servers
from server.embedded.process import launcher
from tests.support.processes import ROOT, free_port

SCRATCH = ROOT / ".cache" / "bench"
"""What benches build and fetch for themselves; `make clean` takes it away."""

_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = _CORES[0], _CORES[-1]
START_SECONDS = 30.0
STOP_SECONDS = 20.0
NEEDED_FILES = 16_384


def allow_many_files() -> int:
    """Raise the limit of open files as far as it goes; what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def cpu_seconds(*pids: int) -> float:
    """Seconds of processor that these processes have used, in user space and in the kernel."""
    return sum(map(_cpu_of, pids))


def _cpu_of(pid: int) -> float:
    """From the scheduler, to the nanosecond, where the kernel tells; else in ticks of 10 ms."""
    try:
        tasks = [
            int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()
        ]
        if any(tasks):
            return sum(tasks) / 1e9
    except OSError:
        pass
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in use now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def children_of(pid: int) -> list[int]:
    """The processes it started that still run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of all are not above; NaN of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def median(values: Sequence[float]) -> float:
    """The middle one; NaN of nothing."""
    return statistics.median(values) if values else float("nan")


def say(text: str) -> None:
    """Progress, for whoever waits; results go to standard output."""
    print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Whatever is started meanwhile runs on this core alone, and so does this process."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Program:
    """One child process on a core of its own, whose log is kept; ended by its own handle."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        core: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path = ROOT,
    ) -> None:
        self.log = log
        with log.open("ab") as output, on_core(core):
            self._child = subprocess.Popen(
                launcher(list(command), stop_signal=signal.SIGTERM),  # whatever becomes of the bench
                cwd=folder,
                env=dict(environment) if environment is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.pid = self._child.pid

    def cpu(self) -> float:
        """Seconds of processor so far, its children's included."""
        return cpu_seconds(self.pid, *children_of(self.pid))

    def resident(self) -> int:
        """Bytes of memory now."""
        return resident_bytes(self.pid)

    @property
    def has_ended(self) -> bool:
        return self._child.poll() is not None

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def stop(self) -> None:
        """End it, in good order if it can."""
        if self.has_ended:
            return
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class Holdfast(Program):
    """`holdfast run`, ready to serve."""

    def __init__(self, environment: Mapping[str, str], *, core: int, log: Path) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        own = {**environment, "HOST": "127.0.0.1", "PORT": str(self.port)}
        super().__init__([sys.executable, "-m", "server", "run"], core=core, log=log, environment=own)
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self.has_ended or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the server did not start:\n{self.tail()}")
            time.sleep(0.05)  # the server says by /readyz alone that it serves

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.base_url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@dataclass(frozen=True)
class Stand:
    """A Redis and a PostgreSQL that are ours, migrated; `environment` is a production process' own."""

    state: Path
    environment: dict[str, str]

    @contextlib.contextmanager
    def holdfast(self, *, core: int = SERVER_CORE, **settings: str) -> Iterator[Holdfast]:
        """A server process with these settings (`LIVENESS_SECONDS="30"`); as many as are wanted."""
        log = self.state / f"holdfast-{core}-{time.monotonic_ns()}.log"
        server = Holdfast({**self.environment, **settings}, core=core, log=log)
        try:
            yield server
        finally:
            server.stop()

    def hall(self, name: str, seats: int, *, sections: int = 50, sold: float = 0.0) -> None:
        """Put a hall on sale: seats `s0`, `s1`, …, whose index is their number.

        A share of them, here and there as chance has it, can't be had any more: which compresses worst.
        """
        chance = random.Random(seats)
        path = self.state / f"{name}.csv"
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["id", "section", "price", "blocked"])
            each = -(-seats // sections)
            rows.writerows(
                [f"s{number}", f"Block {number // each}", 1500, str(chance.random() < sold).lower()]
                for number in range(seats)
            )
        holdfast("import", path, "--resource", name, environment=self.environment)


@contextlib.contextmanager
def stand(**settings: str) -> Iterator[Stand]:
    """The servers, without limits by rate or address, so that a bench may be many people from one machine."""
    allow_many_files()
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-") as folder,
        on_core(LOAD_CORE),
        servers(Path(folder)) as environment,
    ):
        environment |= {"RATE_ADDRESS": "0", "MAX_SOCKETS_PER_ADDRESS": "0", **settings}
        holdfast("migrate", environment=environment)
        yield Stand(Path(folder), environment)
