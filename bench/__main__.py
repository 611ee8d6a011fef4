"""All benches, one after the other, and what they found written into docs/performance.md.

    .venv/bin/python -m bench                 every one of them: ten minutes
    .venv/bin/python -m bench herd memory     these; the page keeps what it says of the others
    .venv/bin/python -m bench --quick         small and short, to see that they run; the page stays as it is

Each is a process of its own with a bound on its time. One that fails or is too late is named with its reason.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench import page, report
from bench.rig import say
from tests.support.processes import ROOT

BENCHES = {
    "fanout": 180,
    "onsale": 90,
    "holds": 90,
    "herd": 120,
    "memory": 90,
    "slow": 180,
    "expiry": 90,
    "bookings": 90,
    "processes": 90,
    "browser": 180,
}
"""Each bench and how many seconds it may take."""


ENDING_SECONDS = 20.0


def runs(name: str, folder: Path, *, quick: bool) -> report.Result:
    """One bench; its result says so if it did not end well."""
    path = folder / f"{name}.json"
    command = [sys.executable, "-m", f"bench.{name}", "--json", str(path), *(["--quick"] if quick else [])]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = []
    with child:
        late = Timer(child, BENCHES[name])
        assert child.stderr is not None
        for line in child.stderr:
            said.append(line.rstrip())
            print(line, end="", file=sys.stderr, flush=True)
        child.wait()
        late.cancel()
    if child.returncode == 0 and path.exists():
        return report.read(path)
    reason = f"it took longer than {BENCHES[name]} s" if late.rang else (said or ["it said nothing"])[-1]
    failed = report.Result(name, f"make bench-{name}")
    failed.add(name, "not measured", reached=False, note=reason[:200])
    return failed


class Timer:
    """Ends a child in good order when its time is up: its own children go with it."""

    def __init__(self, child: "subprocess.Popen[str]", seconds: float) -> None:
        self.rang = False
        self._child = child
        self._timer = threading.Timer(seconds, self._rings)
        self._timer.start()

    def _rings(self) -> None:
        self.rang = True
        self._child.send_signal(signal.SIGINT)
        try:
            self._child.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()

    def cancel(self) -> None:
        self._timer.cancel()


def machine() -> str:
    """What it was measured on, in a few words."""
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{len(os.sched_getaffinity(0))} cores of {model}, {system}, Python {platform.python_version()}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run benches and write docs/performance.md.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all if none")
    parser.add_argument("--quick", action="store_true", help="small and short; nothing is written")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    names = options.names or list(BENCHES)
    results = []
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        for number, name in enumerate(names):
            say(f"{name} ({number + 1} of {len(names)}, at most {BENCHES[name]} s)")
            results.append(runs(name, Path(folder), quick=options.quick))
            print(f"\n{name}: {results[-1].command}")
            print("\n".join(report.table(results[-1].rows)), flush=True)
    if not options.quick:
        page.write(results, machine(), time.strftime("%Y-%m-%d"), order=list(BENCHES))
        say(f"written to {page.PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
