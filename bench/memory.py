"""What one more watching connection takes of the server's memory.

    .venv/bin/python -m bench.memory --viewers 10000

The difference of the server's resident memory between a thousand watching connections and so many more, each
greeted and following a map of a thousand seats. It is user space: what the kernel keeps is not in it.
"""

import time

from bench import report, rig, viewers
from bench.rig import Holdfast
from bench.watchers import Watchers, watching

COMMAND = "make bench-memory"
GOAL = 8 * 1024
GENTLY = 50  # handshakes at once: a burst would be measured, too
SETTLED = 3.0
"""Seconds until what joining needed is given back."""


def resident(watchers: Watchers, server: Holdfast, number: int) -> tuple[int, int]:
    """Connections and bytes, when it has come to rest."""
    watchers.joined(number, viewers.JOINED, 120)
    time.sleep(SETTLED)
    return watchers.stats().open, server.resident()


def main() -> None:
    """The command line."""
    parser = report.parser(__doc__)
    parser.add_argument("--viewers", type=int, default=10_000, help="on top of the first ones")
    options = parser.parse_args()
    first = 1000
    if options.quick:
        first, options.viewers = 50, 200
    result = report.Result("memory", COMMAND)
    with rig.stand() as stand:
        stand.hall("hall", 1000)
        with stand.holdfast() as server, watching(server.port, viewers.request(server.port)) as watchers:
            watchers.says(viewers.joins("hall"))
            bare = server.resident()
            watchers.opens(first, at_once=GENTLY)
            before = resident(watchers, server, first)
            rig.say(f"{before[0]} connections: {before[1] / 1e6:.0f} MB")
            watchers.opens(options.viewers, first=first, at_once=GENTLY)
            after = resident(watchers, server, first + options.viewers)
            rig.say(f"{after[0]} connections: {after[1] / 1e6:.0f} MB")
    each = (after[1] - before[1]) / (after[0] - before[0])
    result.add(
        "memory of a watching connection",
        f"{each / 1024:.1f} KB",
        f"≤ {GOAL // 1024} KB",
        reached=each <= GOAL,
        note=f"{bare / 1e6:.0f} MB with none, {before[1] / 1e6:.0f} MB with {before[0]:,}, "
        f"{after[1] / 1e6:.0f} MB with {after[0]:,}",
    )
    result.facts = {"bytes": each, "bare": bare, "before": before, "after": after}
    report.finish(result, options)


if __name__ == "__main__":
    main()
